// Reads the pages of a list of chats. The API lists all chats newest first; pinned first is the page's choice.

import { listChats } from "./api.js";
import { isOwnComputer } from "./connect.js";

/** @import { Chats } from "./answers.d.ts" */
/** @import { Narrowing } from "./search.js" */

/** The filter whose list begins with the pinned chats, like Beeper's inbox. */
export const PINNED_FIRST = "inbox";

/** The most chats that the API names on one page of a list. */
export const PAGE_SIZE = 50;
const MOST_PINNED = 100;
// The first page names the newest pinned chats itself. The others change rarely, and to find them costs the owner as
// much as the page.
const PINNED_AGE_MS = 300_000;

/**
 * Reads a page of the chats of a filter. The first page of the inbox begins with all pinned chats, also with those that
 * are on later pages of the API, so that no chat has to move when a later page is loaded. A chat may be on two pages.
 *
 * @param {string} filter
 * @param {string | null} cursor The `nextCursor` of the page before, or null for the first page.
 * @param {Partial<Narrowing>} [narrowing] What the list is searched for.
 * @returns {Promise<Chats>}
 */
export async function readPage(filter, cursor, narrowing = {}) {
  const page = firstMatches({ ...narrowing, limit: PAGE_SIZE, participants: 0, filter, cursor });
  if (filter !== PINNED_FIRST || cursor !== null) return page;
  const maxAge = isOwnComputer() ? 0 : PINNED_AGE_MS;
  const query = { ...narrowing, limit: MOST_PINNED, participants: 0, filter: "pinned" };
  const pinned = listChats(query, maxAge);
  const [first, { chats }] = await Promise.all([page, pinned]);
  return withPinnedFirst(first, chats);
}

/**
 * Reads a page, and the next one while a page is empty: the API ends a page after some thousand chats without a match.
 *
 * @param {Parameters<typeof listChats>[0]} query
 * @returns {Promise<Chats>}
 */
async function firstMatches(query) {
  const page = await listChats(query);
  if (page.chats.length || page.nextCursor === null) return page;
  return firstMatches({ ...query, cursor: page.nextCursor });
}

/**
 * Returns the page with the pinned chats first, each chat once.
 *
 * @param {Chats} page
 * @param {Chats["chats"]} pinned
 * @returns {Chats}
 */
function withPinnedFirst(page, pinned) {
  const chats = [...new Map([...pinned, ...page.chats].map((chat) => [chat.chatId, chat])).values()];
  const isPinned = chats.filter((chat) => chat.isPinned);
  const others = chats.filter((chat) => !chat.isPinned);
  return { ...page, chats: [...isPinned, ...others] };
}
