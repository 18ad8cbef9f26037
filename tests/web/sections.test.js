import assert from "node:assert/strict";
import { test } from "node:test";
import { hasGap, newestActivity, renewed } from "../../web/page/sections.js";

/**
 * Makes a chat that was active at this hour of a day, or never.
 *
 * @param {string} chatId
 * @param {number | null} hour
 * @param {object} [fields]
 * @returns {any}
 */
const chat = (chatId, hour, fields = {}) => ({
  chatId,
  ...(hour !== null && { lastActivity: `2026-07-01T${String(hour).padStart(2, "0")}:00:00Z` }),
  ...fields,
});

/**
 * @param {any[]} shown
 * @param {any[]} chats
 * @param {{ hasMore?: boolean, isPinnedFirst?: boolean }} [options]
 */
function ids(shown, chats, { hasMore = true, isPinnedFirst = false } = {}) {
  const page = { chats, nextCursor: hasMore ? "more" : null };
  return renewed(shown, page, isPinnedFirst).map(({ chatId }) => chatId).join(" ");
}

test("a new chat and one with a new line come first, and the older ones stay below the page", () => {
  const shown = [chat("a", 12), chat("b", 11), chat("c", 10), chat("d", 9), chat("e", null)];
  assert.equal(ids(shown, [chat("new", 14), chat("c", 13), chat("a", 12)]), "new c a b d e");
});

test("a chat that the page leaves out, though it is newer than the page's last one, has left the list", () => {
  const shown = [chat("a", 12), chat("archived", 11), chat("c", 10), chat("d", 9)];
  assert.equal(ids(shown, [chat("a", 12), chat("c", 10)]), "a c d");
});

test("the only page of a list is all of it", () => {
  assert.equal(ids([chat("a", 12), chat("gone", 3)], [chat("a", 12)], { hasMore: false }), "a");
});

test("all pinned chats are on the page, and one that is pinned no more leaves its place", () => {
  const shown = [
    chat("old", 1, { isPinned: true }),
    chat("was", 2, { isPinned: true }),
    chat("a", 12),
    chat("b", 9),
  ];
  const page = [chat("old", 1, { isPinned: true }), chat("a", 12)];
  assert.equal(ids(shown, page, { isPinnedFirst: true }), "old a b");
});

test("where pinned chats have no place of their own, they stay by their age", () => {
  const shown = [chat("a", 12), chat("p", 3, { isPinned: true })];
  assert.equal(ids(shown, [chat("a", 12)]), "a p");
});

test("a page full of chats that are all newer than what was known may have left out others", () => {
  const newest = newestActivity([chat("a", 12), chat("never", null), chat("b", 9)]);
  const gap = (/** @type {any[]} */ chats) => hasGap({ chats, nextCursor: "more" }, newest, 2);
  assert.equal(gap([chat("x", 15), chat("y", 14)]), true);
  assert.equal(gap([chat("pinned", 1), chat("x", 15), chat("y", 14)]), true);
  assert.equal(gap([chat("x", 15), chat("a", 12)]), false);
  assert.equal(hasGap({ chats: [chat("x", 15), chat("y", 14)], nextCursor: null }, newest, 2), false);
});
