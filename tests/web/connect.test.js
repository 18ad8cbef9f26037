import assert from "node:assert/strict";
import { test } from "node:test";
import { currentNote } from "../../web/page/banner.js";
import { connect, connection, offerText } from "../../web/page/connect.js";
import { FakeServer, FakeStorage, setGlobals } from "./fake_browser.js";

/** @import { TestContext } from "node:test" */

const REFUSED = { state: "unauthorized", since: null, checkedAt: null };

/**
 * Opens a tab with the read token at a server with these answers.
 *
 * @param {TestContext} context
 * @param {Record<string, { status?: number, body?: unknown }>} answers
 * @param {{ hostname?: string, token?: string }} [options]
 */
function openTab(context, answers, { hostname = "127.0.0.1", token = "t0ken" } = {}) {
  const server = new FakeServer(answers);
  /** @type {string[]} */
  const opened = [];
  setGlobals(context, {
    fetch: server.fetch,
    location: { hostname, assign: (/** @type {string} */ url) => opened.push(url) },
    sessionStorage: new FakeStorage(token ? { "read-token": token } : {}),
    localStorage: new FakeStorage(),
  });
  return { server, opened };
}

/** Makes the place for a problem, which only has a text. */
const place = () => /** @type {HTMLElement} */ ({ textContent: "old" });

test("only the server of this machine is asked for its connection, and only with a token", async (context) => {
  const answers = { "/_local/connection": { body: { account: "demo", isBeeperFound: true } } };
  for (const hostname of ["127.0.0.1", "localhost", "[::1]"]) {
    const { server } = openTab(context, answers, { hostname });
    assert.equal((await connection())?.account, "demo");
    assert.equal(server.requests[0].token, "t0ken");
  }
  for (
    const options of [{ hostname: "d111.cloudfront.net" }, { hostname: "localhost.evil" }, { token: "" }]
  ) {
    const { server } = openTab(context, answers, options);
    assert.equal(await connection(), null);
    assert.deepEqual(server.requests, []);
  }
});

test("a server without the route connects nothing", async (context) => {
  openTab(context, { "/_local/connection": { status: 403, body: "Access denied" } });
  assert.equal(await connection(), null);
});

test("only made-up chats have an offer, which says what is missing", () => {
  assert.match(
    offerText({ account: "demo", isBeeperFound: true }),
    /made up\. Beeper is running: connect it/,
  );
  assert.match(offerText({ account: "demo", isBeeperFound: false }), /made up\. .* open Beeper Desktop/);
  assert.equal(offerText({ account: "connected" }), "");
  assert.equal(offerText({ account: "token" }), "");
  assert.equal(offerText(null), "");
});

test("connecting leads to the page that Beeper's server names", async (context) => {
  const authorizationUrl = "http://127.0.0.1:23373/oauth/authorize?state=s";
  const { server, opened } = openTab(context, { "/_local/connect": { body: { authorizationUrl } } });
  const problem = place();
  await connect(problem);
  assert.deepEqual(opened, [authorizationUrl]);
  assert.equal(server.requests[0].method, "POST");
  assert.equal(problem.textContent, "");
});

test("a Beeper that cannot be connected is told beside the button", async (context) => {
  const body = { message: "Beeper at 127.0.0.1:23373 cannot be reached: start Beeper Desktop" };
  const { opened } = openTab(context, { "/_local/connect": { status: 502, body } });
  const problem = place();
  await connect(problem);
  assert.equal(problem.textContent, `${body.message}.`);
  assert.deepEqual(opened, []);
});

test("a refused connection can be made again, and a refused token of the settings cannot", async (context) => {
  for (
    const [account, says] of /** @type {const} */ ([["connected", /Connect it again/], ["token", /make run/]])
  ) {
    openTab(context, {
      "/api/status": { body: { origin: REFUSED } },
      "/api/chats": { body: { chats: [{}], nextCursor: null } },
      "/_local/connection": { body: { account } },
    });
    const note = await currentNote();
    assert.equal(note.canConnect, account === "connected");
    assert.match(note.text, says);
  }
});
