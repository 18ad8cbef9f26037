import assert from "node:assert/strict";
import { test } from "node:test";
import { Endless } from "../../web/page/endless.js";
import { setGlobals } from "./fake_browser.js";

/** @import { TestContext } from "node:test" */

/**
 * Makes a button, and a window in which it can come near. `approach` reports that it does, if it is observed.
 *
 * @param {TestContext} context
 */
function listEnd(context) {
  const more = /** @type {HTMLButtonElement} */ (/** @type {unknown} */ ({ hidden: true, ariaBusy: null }));
  let isObserved = false;
  /** @type {(entries: { isIntersecting: boolean }[]) => void} */
  let report = () => {};
  class FakeObserver {
    /** @param {typeof report} callback */
    constructor(callback) {
      report = callback;
    }
    observe() {
      isObserved = true;
    }
    unobserve() {
      isObserved = false;
    }
    disconnect() {
      isObserved = false;
    }
  }
  setGlobals(context, { IntersectionObserver: FakeObserver, document: { activeElement: null } });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const approach = () => {
    if (isObserved) report([{ isIntersecting: true }]);
    return settle();
  };
  return { more, approach, settle };
}

/** @param {any} error */
const rethrow = (error) => {
  throw error;
};

test("pages are loaded one after another until there is no cursor", async (context) => {
  const { more, approach } = listEnd(context);
  /** @type {(string | null)[]} */
  const asked = [];
  const cursors = ["b", "c", null];
  const fetchPage = (/** @type {string | null} */ cursor) => {
    asked.push(cursor);
    return Promise.resolve(cursors[asked.length - 1]);
  };
  await new Endless(more, { fetchPage, failed: rethrow }).next();
  assert.equal(more.hidden, false);
  await approach();
  await approach();
  await approach();
  assert.deepEqual(asked, [null, "b", "c"]);
  assert.equal(more.hidden, true);
  assert.equal(more.ariaBusy, "false");
});

test("one page is loaded at a time", async (context) => {
  const { more, settle } = listEnd(context);
  let asked = 0;
  const fetchPage = () => {
    asked += 1;
    return settle().then(() => null);
  };
  const endless = new Endless(more, { fetchPage, failed: rethrow });
  await Promise.all([endless.next(), endless.next()]);
  assert.equal(asked, 1);
});

test("a page that fails is reported, and can be asked for again", async (context) => {
  const { more } = listEnd(context);
  /** @type {(string | null)[]} */
  const asked = [];
  /** @type {string[]} */
  const failures = [];
  const endless = new Endless(more, {
    fetchPage: (cursor) => {
      asked.push(cursor);
      return asked.length === 2 ? Promise.reject(new Error("offline")) : Promise.resolve("next");
    },
    failed: (error) => failures.push(error.message),
  });
  await endless.next();
  await endless.next();
  assert.deepEqual(failures, ["offline"]);
  assert.equal(more.hidden, false);
  await endless.next();
  assert.deepEqual(asked, [null, "next", "next"]);
});

test("a list that was stopped leaves the button to the list that took its place", async (context) => {
  const { more } = listEnd(context);
  /** @type {((cursor: string | null) => void)[]} */
  const slowAnswers = [];
  const slow = new Endless(more, {
    fetchPage: () => new Promise((resolve) => slowAnswers.push(resolve)),
    failed: rethrow,
  });
  const waiting = slow.next();
  slow.stop();
  await new Endless(more, { fetchPage: () => Promise.resolve("next"), failed: rethrow }).next();
  slowAnswers[0](null);
  await waiting;
  assert.equal(more.hidden, false);
});
