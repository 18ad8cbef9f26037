import assert from "node:assert/strict";
import { test } from "node:test";
import { Pending } from "../../web/page/pending.js";
import { setGlobals } from "./fake_browser.js";

/** @import { TestContext } from "node:test" */

/**
 * Makes the answers of a server that has one picture in each chat.
 *
 * @param {"pending" | "cached"} status
 * @returns {any}
 */
const page = (status) => ({ chats: [{ chatId: "a", image: { status } }], nextCursor: null });

/**
 * Watches with a clock that moves on demand. `reads` are the cursors that were read, `updates` counts updates.
 *
 * @param {TestContext} context
 * @param {() => Promise<any>} readPage
 */
function watcher(context, readPage) {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const tab = { visibilityState: "visible" };
  setGlobals(context, { document: tab });
  /** @type {(string | null)[]} */
  const reads = [];
  let updates = 0;
  const pending = new Pending(
    (cursor) => {
      reads.push(cursor);
      return readPage();
    },
    () => {
      updates += 1;
    },
  );
  const pass = async (/** @type {number} */ seconds) => {
    context.mock.timers.tick(seconds * 1000);
    await new Promise((resolve) => setImmediate(resolve)); // Lets what waits for the answer go on.
  };
  return { pending, reads, tab, pass, updates: () => updates };
}

test("a page is read again, ever more rarely, until its pictures are there", async (context) => {
  const answers = [page("pending"), page("pending"), page("cached")];
  const { pending, reads, pass, updates } = watcher(context, () => Promise.resolve(answers.shift()));
  pending.watch(page("pending").chats, "c1");
  await pass(2.9);
  assert.deepEqual(reads, []);
  await pass(0.1);
  assert.deepEqual(reads, ["c1"]);
  await pass(4.4);
  assert.equal(reads.length, 1);
  await pass(0.1);
  assert.equal(reads.length, 2);
  await pass(6.75);
  assert.equal(reads.length, 3);
  await pass(600);
  assert.equal(reads.length, 3);
  assert.equal(updates(), 3);
});

test("the wait grows to five minutes and no further", async (context) => {
  const { pending, reads, pass } = watcher(context, () => Promise.resolve(page("pending")));
  pending.watch(page("pending").chats, null);
  for (let minute = 0; minute < 60; minute += 1) await pass(60);
  const before = reads.length;
  await pass(299);
  await pass(1);
  assert.equal(reads.length, before + 1);
});

test("a page without pending pictures is not read again", async (context) => {
  const { pending, reads, pass } = watcher(context, () => Promise.resolve(page("cached")));
  pending.watch(page("cached").chats, null);
  await pass(600);
  assert.deepEqual(reads, []);
});

test("a member's pending picture counts as well", async (context) => {
  const { pending, reads, pass } = watcher(context, () => Promise.resolve(page("cached")));
  pending.watch(
    /** @type {any} */ ([{ image: { status: "none" }, facepile: [{ status: "pending" }] }]),
    "c1",
  );
  await pass(3);
  assert.deepEqual(reads, ["c1"]);
});

test("a request that fails is tried again", async (context) => {
  const { pending, reads, pass, updates } = watcher(context, () => Promise.reject(new Error("offline")));
  pending.watch(page("pending").chats, null);
  await pass(3);
  await pass(4.5);
  assert.equal(reads.length, 2);
  assert.equal(updates(), 0);
});

test("nothing is read while the tab is hidden, and it goes on afterwards", async (context) => {
  const { pending, reads, tab, pass } = watcher(context, () => Promise.resolve(page("pending")));
  pending.watch(page("pending").chats, null);
  tab.visibilityState = "hidden";
  await pass(3);
  assert.deepEqual(reads, []);
  tab.visibilityState = "visible";
  await pass(60);
  assert.equal(reads.length, 1);
});

test("nothing is read while paused, and it goes on afterwards", async (context) => {
  const { pending, reads, pass } = watcher(context, () => Promise.resolve(page("pending")));
  pending.watch(page("pending").chats, null);
  pending.pause();
  await pass(600);
  assert.deepEqual(reads, []);
  pending.resume();
  await pass(3);
  assert.equal(reads.length, 1);
});

test("a page that was forgotten while it was read changes nothing", async (context) => {
  const { pending, reads, pass, updates } = watcher(context, () => Promise.resolve(page("pending")));
  pending.watch(page("pending").chats, null);
  context.mock.timers.tick(3000);
  assert.equal(reads.length, 1);
  pending.forget();
  await pass(600);
  assert.equal(updates(), 0);
  assert.equal(reads.length, 1);
});
