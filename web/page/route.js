// Reads the address of the page: #/?filter=<filter> is the list of chats, #/chat/<chatId> one chat, and #/operator the
// operator's view. Addresses are fragments, so no server learns which chat is open.

/**
 * @typedef {{ view: "chats", filter: string } | { view: "chat", chatId: string } | { view: "operator" }} Route
 */

/**
 * Returns the view that an address leads to.
 *
 * @param {string} hash The fragment of the address with its "#", or an empty string.
 * @returns {Route}
 */
export function readRoute(hash) {
  const [path, query = ""] = hash.slice(1).split("?");
  const chatId = path.match(/^\/chat\/(.+)$/)?.[1];
  if (chatId) return { view: "chat", chatId: decoded(chatId) };
  if (path === "/operator") return { view: "operator" };
  return { view: "chats", filter: new URLSearchParams(query).get("filter") ?? "inbox" };
}

/**
 * Decodes a part of an address. A text that is not valid is kept: the API answers that there is no such chat.
 *
 * @param {string} text
 * @returns {string}
 */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
