import assert from "node:assert/strict";
import { test } from "node:test";
import { currentNote } from "../../web/page/banner.js";
import { agentText, bannerText, noChatsText } from "../../web/page/origin.js";
import { FakeServer, FakeStorage, setGlobals } from "./fake_browser.js";

/** @import { TestContext } from "node:test" */
/** @import { Origin } from "../../web/page/answers.d.ts" */

const SINCE = new Date(2026, 5, 5, 9, 7).toISOString();
const CHECKED = new Date(2026, 5, 5, 10, 0).toISOString();

/**
 * @param {Origin["state"]} state
 * @returns {Origin}
 */
const origin = (state) => ({ state, since: SINCE, checkedAt: CHECKED });

test("the banner says from when chats and pictures are, and what to do", () => {
  const offline = bannerText(origin("offline"), true);
  assert.match(offline, /^Beeper is offline: chats and pictures are as of 5 Jun 2026, 09:07\. Open Beeper/);
  const refused = bannerText(origin("unauthorized"), true);
  assert.match(
    refused,
    /^Beeper refuses the server's token: .* 5 Jun 2026, 09:07\. Create a read-only token/,
  );
});

test("the banner dates nothing before any chat has been read", () => {
  const text = bannerText(origin("offline"), false);
  assert.match(text, /^Beeper is offline, so no chats have been read yet\. Open Beeper/);
  assert.doesNotMatch(text, /2026/);
});

test("there is no banner while Beeper answers, or was not asked yet", () => {
  assert.equal(bannerText(origin("ok"), true), "");
  assert.equal(bannerText(origin("unknown"), false), "");
});

test("a state without a moment says that things may be old", () => {
  const text = bannerText({ state: "offline", since: null, checkedAt: null }, true);
  assert.match(text, /chats and pictures may be old\./);
});

test("with an agent, the advice about Beeper is about the agent's computer", () => {
  const agent = { state: /** @type {const} */ ("running"), since: SINCE, lastSeenAt: CHECKED };
  for (
    const text of [
      bannerText(origin("unauthorized"), true, { agent }),
      noChatsText(origin("unauthorized"), agent),
    ]
  ) {
    assert.match(text, /^Beeper refuses the agent's token/);
    assert.match(
      text,
      /`make run` in the agent's clone, or set BEEPER_TOKEN and run `imagecache agent install/,
    );
  }
  assert.match(noChatsText(origin("offline"), agent), /Start Beeper Desktop on the agent's computer/);
});

test("an agent that does not run is reported with the moment when it was last seen", () => {
  const seen = { since: SINCE, lastSeenAt: CHECKED };
  assert.equal(agentText(null), "");
  assert.equal(agentText({ state: "running", ...seen }), "");
  assert.match(
    agentText({ state: "silent", ...seen }),
    /was last seen 5 Jun 2026, 10:00\. When that computer/,
  );
  assert.match(
    agentText({ state: "stopped", ...seen }),
    /10:00, when it was stopped\. Start it there: imagecache agent --stack NAME\./,
  );
  assert.match(
    agentText({ state: "never", since: null, lastSeenAt: null }),
    /has never been seen\. Start it/,
  );
});

test("an empty list blames the first sync only if Beeper can be read", () => {
  assert.match(noChatsText(origin("offline")), /^Beeper is offline\. Open Beeper/);
  assert.match(noChatsText(origin("unauthorized")), /^Beeper refuses the server's token\. Create/);
  assert.match(noChatsText(origin("ok")), /^Beeper is connected/);
  for (const unknown of [origin("unknown"), null]) assert.match(noChatsText(unknown), /first sync/);
});

/**
 * Serves the state of Beeper and a list of chats.
 *
 * @param {TestContext} context
 * @param {{ origin: Origin, agent?: import("../../web/page/answers.d.ts").Agent }} status
 * @param {unknown[]} chats
 */
function serve(context, status, chats) {
  const server = new FakeServer({
    "/api/status": { body: status },
    "/api/chats": { body: { chats, nextCursor: null } },
  });
  setGlobals(context, {
    fetch: server.fetch,
    sessionStorage: new FakeStorage(),
    localStorage: new FakeStorage(),
  });
  return server;
}

test("the banner names an absent agent first, because it alone asks Beeper", async (context) => {
  const agent = /** @type {const} */ ({ state: "silent", since: SINCE, lastSeenAt: CHECKED });
  serve(context, { origin: origin("offline"), agent }, [{}]);
  assert.match((await currentNote()).text, /^The agent on Beeper's computer was last seen/);
});

test("the banner asks for chats only if Beeper is away", async (context) => {
  const away = serve(context, { origin: origin("offline") }, [{}]);
  assert.match((await currentNote()).text, /as of/);
  assert.equal(away.requests.length, 2);
  const well = serve(context, { origin: origin("ok") }, []);
  assert.equal((await currentNote()).text, "");
  assert.equal(well.requests.length, 1);
});

test("the banner knows an account without chats", async (context) => {
  serve(context, { origin: origin("offline") }, []);
  assert.match((await currentNote()).text, /no chats have been read yet/);
});
