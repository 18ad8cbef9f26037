import assert from "node:assert/strict";
import { test } from "node:test";
import { readPage } from "../../web/page/pages.js";
import { FakeStorage, setGlobals } from "./fake_browser.js";

/** @import { TestContext } from "node:test" */

const NEWEST = { chatId: "newest", isPinned: false };
const NEW_PINNED = { chatId: "new and pinned", isPinned: true };
const OLD_PINNED = { chatId: "old and pinned", isPinned: true };

/**
 * Serves a page of each filter. `asked` has the filter and the cursor of each request.
 *
 * @param {TestContext} context
 */
function serve(context) {
  /** @type {[string | null, string | null][]} */
  const asked = [];
  const fetch = (/** @type {string} */ url) => {
    const query = new URL(url, "http://localhost").searchParams;
    asked.push([query.get("filter"), query.get("cursor")]);
    const chats = query.get("filter") === "pinned" ? [NEW_PINNED, OLD_PINNED] : [NEWEST, NEW_PINNED];
    return Promise.resolve(Response.json({ chats, nextCursor: `after ${query.get("filter")}` }));
  };
  setGlobals(context, {
    fetch,
    location: { hostname: "faces.example.com" },
    sessionStorage: new FakeStorage({ "read-token": "reading" }),
    localStorage: new FakeStorage(),
  });
  return asked;
}

test("the inbox begins with all pinned chats, each once, and goes on with its own second page", async (context) => {
  serve(context);
  const page = await readPage("inbox", null);
  assert.deepEqual(page, { chats: [NEW_PINNED, OLD_PINNED, NEWEST], nextCursor: "after inbox" });
});

for (
  const [filter, cursor] of /** @type {const} */ ([
    ["inbox", "second page"],
    ["all", null],
    ["pinned", null],
  ])
) {
  test(`the list ${filter} has the order of the API after the cursor ${cursor}`, async (context) => {
    const asked = serve(context);
    const page = await readPage(filter, cursor);
    assert.deepEqual(page.chats, filter === "pinned" ? [NEW_PINNED, OLD_PINNED] : [NEWEST, NEW_PINNED]);
    assert.deepEqual(asked, [[filter, cursor]]);
  });
}

test("a search goes on until a page has a match, and only then to the reader", async (context) => {
  /** @type {(string | null)[]} */
  const asked = [];
  const fetch = (/** @type {string} */ url) => {
    const query = new URL(url, "http://localhost").searchParams;
    asked.push(query.get("cursor"));
    assert.deepEqual([query.get("title"), query.get("accountId")], ["ada", "signal"]);
    const isLast = asked.length === 3;
    return Promise.resolve(
      Response.json({ chats: isLast ? [NEWEST] : [], nextCursor: isLast ? "more" : `c${asked.length}` }),
    );
  };
  setGlobals(context, { fetch, sessionStorage: new FakeStorage(), localStorage: new FakeStorage() });
  const page = await readPage("all", null, { title: "ada", accountId: "signal" });
  assert.deepEqual(page, { chats: [NEWEST], nextCursor: "more" });
  assert.deepEqual(asked, [null, "c1", "c2"]);
});
