// Keeps the tokens of this tab. The link that the server prints brings the read token in its fragment, which is not
// sent to any server; sessionStorage keeps it until the tab is closed.

/** @typedef {"read" | "admin"} TokenKind */

/**
 * Stores the token of the address, if there is one, and removes it from the address and from the history.
 *
 * @returns {boolean} True if the address had a token.
 */
export function takeTokenFromAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return false;
  keepToken("read", token);
  history.replaceState(null, "", location.pathname);
  return true;
}

/**
 * Returns the stored token, or an empty string if there is none.
 *
 * @param {TokenKind} kind
 * @returns {string}
 */
export function tokenFor(kind) {
  return sessionStorage.getItem(`${kind}-token`) ?? "";
}

/**
 * Stores a token without the white space around it.
 *
 * @param {TokenKind} kind
 * @param {string} token
 */
export function keepToken(kind, token) {
  sessionStorage.setItem(`${kind}-token`, token.trim());
}

/**
 * Deletes the stored token.
 *
 * @param {TokenKind} kind
 */
export function dropToken(kind) {
  sessionStorage.removeItem(`${kind}-token`);
}
