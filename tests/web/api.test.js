import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError, change, listChats, readChat, readOrigin, readStats } from "../../web/page/api.js";
import { FakeServer, FakeStorage, setGlobals } from "./fake_browser.js";

/** @import { TestContext } from "node:test" */

/**
 * Serves answers to a tab that has both tokens.
 *
 * @param {TestContext} context
 * @param {ConstructorParameters<typeof FakeServer>[0]} answers
 */
function serve(context, answers) {
  const server = new FakeServer(answers);
  const sessionStorage = new FakeStorage({ "read-token": "reading", "admin-token": "changing" });
  setGlobals(context, { fetch: server.fetch, sessionStorage, localStorage: new FakeStorage() });
  return server;
}

test("a query has the values that are set, encoded", async (context) => {
  const server = serve(context, { "/api/chats": { body: {} }, "/api/chat": { body: {} } });
  await listChats({ limit: 50, participants: 0, filter: "all", cursor: null });
  await readChat({ chatId: "!a&b=c#d:e.local", participantsCursor: "x y" });
  assert.deepEqual(
    server.requests.map(({ url }) => url),
    [
      "/api/chats?limit=50&participants=0&filter=all",
      "/api/chat?chatId=%21a%26b%3Dc%23d%3Ae.local&participantsCursor=x+y",
    ],
  );
});

test("reading sends the read token, a change the admin token, and neither follows a redirect", async (context) => {
  const server = serve(context, { "/api/status": { body: {} }, "/api/sync": { body: {} } });
  await readOrigin();
  await change("sync", { force: true });
  assert.deepEqual(server.requests, [
    { url: "/api/status", method: "GET", token: "reading", body: null, redirect: "error" },
    { url: "/api/sync", method: "POST", token: "changing", body: { force: true }, redirect: "error" },
  ]);
});

test("how Beeper is comes with the answer about the status", async (context) => {
  const origin = { state: "offline", since: null, checkedAt: null };
  serve(context, { "/api/status": { body: { origin } } });
  assert.deepEqual(await readOrigin(), origin);
});

test("an error has the status and the message of the API", async (context) => {
  serve(context, { "/api/status": { status: 404, body: { message: "There is no such chat.", code: "x" } } });
  await assert.rejects(readOrigin(), (error) => {
    assert.ok(error instanceof ApiError);
    assert.equal(error.status, 404);
    assert.equal(error.message, "There is no such chat.");
    return true;
  });
});

test("a token that nobody has and the read token where the admin token is needed are different errors", async (context) => {
  serve(context, {
    "/api/status": { status: 401, body: { message: "The token is not valid", code: "unauthorized" } },
    "/api/sync": { status: 403, body: { message: "This takes the admin token", code: "forbidden" } },
    "/api/stats": { status: 403, body: "Access denied" },
  });
  await assert.rejects(readOrigin(), { status: 401, message: "The token is not valid" });
  await assert.rejects(change("sync"), { status: 403, message: "This takes the admin token" });
  await assert.rejects(readStats(), { status: 403 });
});

test("an error without JSON, or an answer without it, is reported with its status", async (context) => {
  serve(context, { "/api/status": { status: 503, body: "<html>" }, "/api/chats": { body: "<html>" } });
  await assert.rejects(readOrigin(), { status: 503, message: /status 503\. Try again/ });
  const query = { limit: 1, participants: 0, filter: "all" };
  await assert.rejects(listChats(query), { status: 200, message: /status 200\. Try again/ });
});

test("without any answer the status is 0, and the message says what to check", async (context) => {
  serve(context, {});
  await assert.rejects(readOrigin(), { status: 0, message: /^The server does not answer\. Check/ });
});

/**
 * Serves versions of a list, each with an ETag, and answers 304 to a request that names the current one.
 *
 * @param {TestContext} context
 */
function serveVersions(context) {
  const version = { number: 1 };
  /** @type {(string | null)[]} */
  const known = [];
  const fetch = (/** @type {string} */ _url, /** @type {RequestInit} */ init) => {
    const etag = `W/"${version.number}"`;
    known.push(new Headers(init.headers).get("If-None-Match"));
    const isKnown = known.at(-1) === etag;
    const body = isKnown ? null : JSON.stringify({ chats: [], nextCursor: String(version.number) });
    return Promise.resolve(new Response(body, { status: isKnown ? 304 : 200, headers: { ETag: etag } }));
  };
  setGlobals(context, { fetch, sessionStorage: new FakeStorage(), localStorage: new FakeStorage() });
  return { version, known };
}

test("a page of chats is sent again only if it has changed", async (context) => {
  const { version, known } = serveVersions(context);
  const query = { limit: 7, participants: 0, filter: "all" };
  const first = await listChats(query);
  assert.equal(await listChats(query), first);
  version.number = 2;
  const second = await listChats(query);
  assert.equal(second.nextCursor, "2");
  assert.equal(await listChats(query), second);
  assert.deepEqual(known, [null, 'W/"1"', 'W/"1"', 'W/"2"']);
  await listChats({ ...query, cursor: "x" });
  assert.equal(known.at(-1), null, "another page");
});

test("a page that is young enough is not requested", async (context) => {
  const { known } = serveVersions(context);
  const query = { limit: 8, participants: 0, filter: "all" };
  const first = await listChats(query, 60_000);
  assert.equal(await listChats(query, 60_000), first);
  assert.equal(known.length, 1);
  assert.equal(await listChats(query), first);
  assert.equal(known.length, 2);
});

test("the pages of a long list are not all kept", async (context) => {
  const { known } = serveVersions(context);
  for (let limit = 100; limit < 131; limit += 1) await listChats({ limit, participants: 0, filter: "all" });
  for (const limit of [130, 100]) await listChats({ limit, participants: 0, filter: "all" });
  assert.deepEqual(known.slice(-2), ['W/"1"', null]);
});
