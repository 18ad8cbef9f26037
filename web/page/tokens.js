// The tokens of this tab. The link brings one in its fragment, which no server sees; sessionStorage keeps it.

/** Whether the address brought a token, which is then taken out of it and of the history. */
export function takeTokenFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return false;
  keepToken("read", given);
  history.replaceState(null, "", location.pathname);
  return true;
}

/** `kind` is "read" or "admin". Empty where there is none. */
export function tokenFor(kind) {
  return sessionStorage.getItem(`${kind}-token`) ?? "";
}

export function keepToken(kind, token) {
  sessionStorage.setItem(`${kind}-token`, token.trim());
}

export function dropToken(kind) {
  sessionStorage.removeItem(`${kind}-token`);
}
