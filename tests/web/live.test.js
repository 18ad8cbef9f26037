import assert from "node:assert/strict";
import { test } from "node:test";
import { Live } from "../../web/page/live.js";
import { setGlobals } from "./fake_browser.js";

/** @import { TestContext } from "node:test" */

/**
 * Watches with a clock that moves on demand. `reads` are the cursors that were read, `shown` those that were shown.
 *
 * @param {TestContext} context
 * @param {{ hostname?: string, readPage?: () => Promise<any> }} [options]
 */
function watcher(context, { hostname = "faces.example.com", readPage = () => Promise.resolve({}) } = {}) {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let now = 0;
  /** @type {Record<string, () => void>} */
  const listeners = {};
  const listen = (
    /** @type {string} */ type,
    /** @type {() => void} */ listener,
  ) => (listeners[type] = listener);
  const tab = { visibilityState: "visible", addEventListener: listen };
  setGlobals(context, {
    document: tab,
    location: { hostname },
    addEventListener: listen,
    performance: { now: () => now },
  });
  /** @type {(string | null)[]} */
  const reads = [];
  /** @type {(string | null)[]} */
  const shown = [];
  const live = new Live(
    (cursor) => {
      reads.push(cursor);
      return readPage();
    },
    (_page, cursor) => shown.push(cursor),
  );
  const settle = () => new Promise((resolve) => setImmediate(resolve)); // Lets what waits for answers go on.
  const pass = async (/** @type {number} */ seconds) => {
    now += seconds * 1000;
    context.mock.timers.tick(seconds * 1000);
    await settle();
  };
  const see = (/** @type {string} */ state) => {
    tab.visibilityState = state;
    listeners.visibilitychange();
    return settle();
  };
  return { live, reads, shown, pass, see, use: () => listeners.keydown() };
}

test("the first page is read every ten seconds, and the others in turn", async (context) => {
  const { live, reads, shown, pass } = watcher(context);
  live.watch(null);
  await pass(9.9);
  assert.deepEqual(reads, []);
  await pass(0.1);
  assert.deepEqual(reads, [null]);
  live.watch("b");
  live.watch("c");
  live.watch("c");
  await pass(10);
  await pass(10);
  await pass(10);
  assert.deepEqual(reads.slice(1), [null, "c", null, "b", null, "c"]);
  assert.deepEqual(shown, reads);
});

test("at home it is every three seconds", async (context) => {
  const { live, reads, pass } = watcher(context, { hostname: "127.0.0.1" });
  live.watch(null);
  for (let second = 0; second < 3000; second += 3) await pass(3);
  assert.equal(reads.length, 1000);
});

test("a tab that nobody has used for five minutes asks every five, and at once when it is used", async (context) => {
  const { live, reads, pass, use } = watcher(context);
  live.watch(null);
  for (let second = 0; second < 300; second += 10) await pass(10);
  assert.equal(reads.length, 30);
  for (let second = 0; second < 3000; second += 10) await pass(10);
  assert.equal(reads.length, 40);
  await pass(11);
  use();
  assert.equal(reads.length, 41);
  use();
  assert.equal(reads.length, 41, "once is enough");
  await pass(0);
  for (let second = 0; second < 60; second += 10) await pass(10);
  assert.equal(reads.length, 47);
});

test("a hidden tab asks nothing, and asks at once when it is seen again", async (context) => {
  const { live, reads, pass, see } = watcher(context);
  live.watch(null);
  await see("hidden");
  for (let minute = 0; minute < 60; minute += 1) await pass(60);
  assert.deepEqual(reads, []);
  await see("visible");
  assert.deepEqual(reads, [null]);
  await pass(9);
  await see("hidden");
  await pass(1);
  await see("visible");
  await pass(10);
  assert.equal(reads.length, 2, "it goes on, though it was hidden when its time came");
});

test("errors make it ask ever more rarely, and a success as often as before", async (context) => {
  let isBroken = true;
  const readPage = () => isBroken ? Promise.reject(new Error("offline")) : Promise.resolve({});
  const { live, reads, shown, pass, use } = watcher(context, { readPage });
  live.watch(null);
  for (let second = 0; second < 60; second += 1) await pass(1);
  assert.equal(reads.length, 3, "after 10, 25 and 47.5 seconds");
  assert.deepEqual(shown, []);
  for (let second = 0; second < 3600; second += 1) await pass(1);
  const before = reads.length;
  for (let second = 0; second < 300; second += 1) {
    use();
    await pass(1);
  }
  assert.equal(reads.length, before + 1, "five minutes is the longest wait, whether the tab is used or not");
  isBroken = false;
  for (let second = 0; second < 300; second += 1) await pass(1);
  use();
  for (let second = 0; second < 60; second += 1) await pass(1);
  const then = reads.length;
  for (let second = 0; second < 60; second += 1) await pass(1);
  assert.equal(reads.length, then + 6);
});

test("nothing is read while paused, and at once afterwards", async (context) => {
  const { live, reads, pass, see } = watcher(context);
  live.resume();
  await pass(60);
  assert.deepEqual(reads, [], "no list is watched yet");
  live.watch(null);
  live.pause();
  await pass(60);
  await see("visible");
  assert.deepEqual(reads, []);
  live.resume();
  assert.deepEqual(reads, [null]);
});

test("what was read for another list is not shown", async (context) => {
  const { live, reads, shown, pass } = watcher(context);
  live.watch(null);
  live.watch("b");
  context.mock.timers.tick(10_000);
  assert.deepEqual(reads, [null]);
  live.forget();
  await pass(60);
  assert.deepEqual([reads.length, shown.length], [1, 0]);
});
