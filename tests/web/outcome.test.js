import assert from "node:assert/strict";
import { test } from "node:test";
import { followImage, stateText } from "../../web/page/outcome.js";
import { FakeStorage, setGlobals } from "./fake_browser.js";

/** @import { TestContext } from "node:test" */

const IDLE = { attempts: [], queuedAt: null, heldUntil: null, reason: null };
const QUEUED = { ...IDLE, status: "pending", queuedAt: "2026-11-25T08:00:00Z" };
const HELD = { ...QUEUED, heldUntil: "2026-11-25T08:01:00Z" };
const CACHED = { ...IDLE, status: "cached" };
const FAILED = { ...IDLE, status: "failed", reason: "not_served" };

/**
 * Follows a picture whose story is told by these answers, the last one again and again. Returns what is shown after each
 * of at most `steps` requests, and the outcome.
 *
 * @param {TestContext} context
 * @param {{ answers: (object | null)[], steps: number, leavesAfter?: number }} options
 */
async function follow(context, { answers, steps, leavesAfter = Infinity }) {
  let requests = 0;
  const fetch = () => {
    const answer = answers[Math.min(requests, answers.length - 1)];
    requests += 1;
    return answer ? Promise.resolve(Response.json(answer)) : Promise.reject(new TypeError("fetch failed"));
  };
  setGlobals(context, { fetch, sessionStorage: new FakeStorage(), localStorage: new FakeStorage() });
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const status = /** @type {HTMLElement} */ (/** @type {unknown} */ ({ textContent: "", isConnected: true }));
  const outcome = followImage("mxc://s/ada", status);
  const shown = [status.textContent];
  for (let step = 1; step <= steps; step += 1) {
    if (step > leavesAfter) Object.assign(status, { isConnected: false });
    context.mock.timers.tick(300_000);
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    shown.push(status.textContent);
  }
  return { shown, requests, outcome };
}

test("a picture is followed until it is cached", async (context) => {
  const { shown, requests, outcome } = await follow(context, {
    answers: [QUEUED, null, HELD, CACHED],
    steps: 5,
  });
  assert.deepEqual(shown, [
    "Queued …",
    "Queued …",
    "Queued …",
    "Being fetched …",
    "Cached",
    "Cached",
  ]);
  assert.equal(requests, 4);
  assert.deepEqual(await outcome, CACHED);
});

test("a refresh that fails leaves the picture cached, and is told by the last answer", () => {
  const attempts = [{ answer: "24310 bytes" }, { answer: "gone: status 404" }];
  assert.equal(stateText({ ...CACHED, attempts }), "Cached (last answer: gone: status 404)");
});

test("a failure is told with its reason, also of a picture that had failed before", () => {
  assert.equal(stateText({ ...FAILED, queuedAt: "2026-11-25T08:00:00Z" }), "Queued …");
  assert.equal(stateText(FAILED), "Failed: not served");
});

test("a picture that stays queued is not asked for endlessly", async (context) => {
  const { shown, requests, outcome } = await follow(context, { answers: [QUEUED], steps: 12 });
  assert.equal(requests, 10);
  assert.equal(shown.at(-1), "Still queued. It goes on by itself.");
  assert.equal(await outcome, null);
});

test("nothing is asked for after the reader has left the view", async (context) => {
  const { requests, outcome } = await follow(context, { answers: [QUEUED], steps: 3, leavesAfter: 1 });
  assert.equal(requests, 1);
  assert.equal(await outcome, null);
});
