// Puts the cards of a list into its sections, without moving those that have their place already.

import { element } from "./element.js";

/** @import { Chat, Chats } from "./answers.d.ts" */

/**
 * @typedef {object} Section
 * @property {string} name
 * @property {HTMLElement[]} items
 */

/**
 * Makes a section without any items.
 *
 * @param {string} name
 * @param {boolean} hasHeading
 */
export function makeSection(name, hasHeading) {
  const list = element("ul", { className: "cards", aria: { label: name } });
  const heading = hasHeading ? element("h2", {}, name) : null;
  return { section: element("section", { data: { period: name } }, heading, list), list };
}

/**
 * Returns the chats of a list after its first page was read again: those of the page, and then the others that are
 * shown. A chat that the page leaves out, though it is newer than the last one of the page, has left the list.
 *
 * @param {Chat[]} shown
 * @param {Chats} page
 * @param {boolean} isPinnedFirst Whether all pinned chats are on the page, however old.
 * @returns {Chat[]}
 */
export function renewed(shown, page, isPinnedFirst) {
  if (page.nextCursor === null) return page.chats;
  const listed = new Set(page.chats.map(({ chatId }) => chatId));
  const byActivity = isPinnedFirst ? page.chats.filter(({ isPinned }) => !isPinned) : page.chats;
  const oldest = Math.min(Infinity, ...byActivity.map(activity));
  const stays = (/** @type {Chat} */ chat) => activity(chat) <= oldest && !(isPinnedFirst && chat.isPinned);
  return [...page.chats, ...shown.filter((chat) => !listed.has(chat.chatId) && stays(chat))];
}

/**
 * Returns when the newest chat was active (ms since 1970).
 *
 * @param {Chat[]} chats
 */
export const newestActivity = (chats) => Math.max(-Infinity, ...chats.map(activity));

/**
 * Returns whether a first page that was read again may have left out chats: whether it is full of chats that were
 * active after all that was known. Further ones would be between it and the next page.
 *
 * @param {Chats} page
 * @param {number} newest When the newest chat that was known was active (ms since 1970).
 * @param {number} pageSize
 */
export function hasGap(page, newest, pageSize) {
  const isNewer = (/** @type {Chat} */ chat) => activity(chat) > newest;
  return page.nextCursor !== null && page.chats.filter(isNewer).length >= pageSize;
}

/** @param {Chat} chat */
function activity({ lastActivity }) {
  return lastActivity ? Date.parse(lastActivity) : -Infinity;
}

/**
 * Gives a list these sections and items, and no others; a notice below them stays. Elements that are in their place
 * already are not touched, and the focus stays where it is.
 *
 * @param {HTMLElement} body
 * @param {Section[]} sections Each name once.
 * @param {boolean} hasHeadings
 */
export function arrange(body, sections, hasHeadings) {
  const focused = document.activeElement;
  const present = new Map(
    [...body.children].map((child) => [/** @type {HTMLElement} */ (child).dataset.period, child]),
  );
  const wanted = sections.map(({ name, items }) => {
    const section = present.get(name) ?? makeSection(name, hasHeadings).section;
    return { section, items };
  });
  const notices = [...body.children].filter((child) => child.tagName !== "SECTION");
  place(body, [...wanted.map(({ section }) => section), ...notices]);
  for (const { section, items } of wanted) place(/** @type {Element} */ (section.lastElementChild), items);
  if (focused instanceof HTMLElement && focused !== document.activeElement && focused.isConnected) {
    focused.focus({ preventScroll: true });
  }
}

/**
 * Makes these elements the only children, in this order.
 *
 * @param {Element} parent
 * @param {Element[]} children
 */
function place(parent, children) {
  const wanted = new Set(children);
  children.forEach((child, position) => {
    const there = parent.children[position];
    if (there !== child) move(parent, child, there ?? null);
  });
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
}

/**
 * Inserts an element. Where browsers can, one that is in the document already keeps the focus.
 *
 * @param {Element} parent
 * @param {Element} child
 * @param {Element | null} next
 */
function move(parent, child, next) {
  if (child.isConnected && "moveBefore" in parent) {
    /** @type {(child: Element, next: Element | null) => void} */ (parent.moveBefore).call(
      parent,
      child,
      next,
    );
  } else {
    parent.insertBefore(child, next);
  }
}
