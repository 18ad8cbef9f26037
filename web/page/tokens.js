// Keeps the tokens. The link that the server prints brings the read token in its fragment, which is not sent to any
// server. sessionStorage keeps a token until the tab is closed; localStorage keeps one that the reader wants to be
// remembered, for all tabs and later visits.

/** @typedef {"read" | "admin"} TokenKind */

const CAME_BY_LINK = "came-by-link"; // in sessionStorage, until the reader has decided whether to remember its token

/**
 * Stores the token of the address, if there is one, and removes it from the address and from the history.
 *
 * @returns {boolean} True if the address had a token.
 */
export function takeTokenFromAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return false;
  const remember = localStorage.getItem("read-token") !== null;
  keepToken("read", token, { remember });
  if (!remember) sessionStorage.setItem(CAME_BY_LINK, "1");
  history.replaceState(null, "", location.pathname);
  return true;
}

/**
 * Returns whether the read token came with a link and is kept in this tab only.
 *
 * @returns {boolean}
 */
export function mayBeRemembered() {
  return sessionStorage.getItem(CAME_BY_LINK) !== null && localStorage.getItem("read-token") === null;
}

/** Keeps the read token of this tab on this device. */
export function rememberToken() {
  keepToken("read", tokenFor("read"), { remember: true });
  declineRemembering();
}

/** Notes that the reader has decided whether the token of the link is remembered. */
export function declineRemembering() {
  sessionStorage.removeItem(CAME_BY_LINK);
}

/**
 * Returns the stored token, or an empty string if there is none.
 *
 * @param {TokenKind} kind
 * @returns {string}
 */
export function tokenFor(kind) {
  const name = `${kind}-token`;
  return sessionStorage.getItem(name) ?? localStorage.getItem(name) ?? "";
}

/**
 * Stores a token without the white space around it, in place of the one that was stored before.
 *
 * @param {TokenKind} kind
 * @param {string} token
 * @param {{ remember?: boolean }} [options] `remember` keeps it on this device, also after the tab is closed.
 */
export function keepToken(kind, token, { remember = false } = {}) {
  dropToken(kind);
  sessionStorage.setItem(`${kind}-token`, token.trim());
  if (remember) localStorage.setItem(`${kind}-token`, token.trim());
}

/**
 * Deletes the stored token.
 *
 * @param {TokenKind} kind
 */
export function dropToken(kind) {
  sessionStorage.removeItem(`${kind}-token`);
  localStorage.removeItem(`${kind}-token`);
}
