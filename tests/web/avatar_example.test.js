import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeServer, FakeStorage, setGlobals } from "./fake_browser.js";

/** @import { TestContext } from "node:test" */

let loads = 0;

/**
 * Loads the example with an address, in a tab that has a token stored already.
 *
 * @param {TestContext} context
 * @param {string} hash
 */
async function requestsWith(context, hash) {
  const path = "/api/chats";
  const none = { body: { chats: [], nextCursor: null } };
  const server = new FakeServer({ [path]: none, [`https://other.example${path}`]: none });
  setGlobals(context, {
    fetch: server.fetch,
    location: { hash },
    sessionStorage: new FakeStorage({ "read-token": "stored" }),
    document: { querySelector: () => ({ append() {} }) },
  });
  loads += 1; // A module is run once for each address.
  await import(`../../web/avatar-example.js?${loads}`);
  return server.requests.map(({ url, token }) => [url.split("?")[0], token]);
}

test("the stored token is sent to the page's own API", async (context) => {
  assert.deepEqual(await requestsWith(context, ""), [["/api/chats", "stored"]]);
});

test("the stored token is not sent to the host that a link names", async (context) => {
  assert.deepEqual(await requestsWith(context, "#base=https://other.example"), []);
});

test("a token in the link is sent to the host that the link names", async (context) => {
  assert.deepEqual(await requestsWith(context, "#base=https://other.example&token=given"), [
    ["https://other.example/api/chats", "given"],
  ]);
});
