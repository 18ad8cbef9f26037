// Tests the texts that the views make of the API's answers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { titleOf } from "../../web/page/card.js";
import { facts } from "../../web/page/chat.js";
import { describe, largeUrl } from "../../web/page/face.js";
import { inLocalTime } from "../../web/page/image_actions.js";
import { placeOf, shortUrl } from "../../web/page/image_table.js";
import { countsText, isOver, outcomeText, shareDone } from "../../web/page/jobs.js";
import { exact } from "../../web/page/moments.js";
import { badgeOf } from "../../web/page/networks.js";
import { sentence } from "../../web/page/notice.js";
import { accountLabels } from "../../web/page/search.js";
import {
  accountDetail,
  beeperDetail,
  bytes,
  cachedDetail,
  failedDetail,
  storageDetail,
} from "../../web/page/stats.js";

/** @import { Chat } from "../../web/page/answers.d.ts" */

/** @type {Chat} */
const CHAT = {
  chatId: "a",
  type: "single",
  title: "Ada",
  image: { status: "none" },
  participantCount: 2,
};

test("a chat without a title has a name all the same", () => {
  assert.equal(titleOf(CHAT), "Ada");
  assert.equal(titleOf({ ...CHAT, title: undefined }), "Unnamed chat");
  assert.equal(titleOf({ ...CHAT, title: "" }), "Unnamed chat");
});

test("the facts of a chat are those that hold", () => {
  assert.deepEqual(facts(CHAT), ["Chat"]);
  const group = { ...CHAT, type: /** @type {const} */ ("group"), participantCount: 5, network: "Signal" };
  assert.deepEqual(facts({ ...group, unreadCount: 3, isPinned: true, isMuted: true, isArchived: true }), [
    "Group of 5",
    "on Signal",
    "3 unread",
    "pinned",
    "muted",
    "archived",
  ]);
});

test("a chat that is marked as unread says so, unless it has a number of unread messages", () => {
  const marked = { ...CHAT, isMarkedUnread: true };
  assert.deepEqual(facts(marked), ["Chat", "marked as unread"]);
  assert.deepEqual(facts({ ...marked, unreadCount: 2 }), ["Chat", "2 unread"]);
});

test("low priority is a fact of a chat that is not archived, and so is the union that hides it", () => {
  const low = { ...CHAT, isLowPriority: true };
  assert.deepEqual(facts({ ...low, mergedInto: "b" }), ["Chat", "low priority", "merged into another chat"]);
  assert.deepEqual(facts({ ...low, isArchived: true }), ["Chat", "archived"]);
});

test("a network is known however it is written, and another one has its first letter", () => {
  assert.ok(badgeOf("WhatsApp").path);
  assert.deepEqual(badgeOf("iMessage"), badgeOf("i-message"));
  assert.deepEqual(badgeOf("matrix"), { color: "#59616e", path: null, letter: "M" });
  assert.equal(badgeOf("🌷net").letter, "🌷");
  assert.equal(badgeOf("constructor").letter, "C");
});

test("an error becomes a sentence with one full stop", () => {
  assert.equal(sentence("no chat has this id"), "No chat has this id.");
  assert.equal(sentence("Try again."), "Try again.");
  assert.equal(sentence(""), "");
});

test("bytes are counted in decimal units", () => {
  /** @type {[number, string][]} */
  const cases = [
    [0, "0 bytes"],
    [999, "999 bytes"],
    [1000, "1.0 kB"],
    [9_940, "9.9 kB"],
    [48_104, "48 kB"],
    [1_250_000, "1.3 MB"],
    [2.5e15, "2500 TB"],
  ];
  for (const [count, text] of cases) assert.equal(bytes(count), text);
});

test("details of the cards", () => {
  assert.equal(cachedDetail({ totalChatsWithImages: 1200, orphaned: null }), "in 1,200 chats");
  assert.equal(cachedDetail({ totalChatsWithImages: 3, orphaned: 2 }), "in 3 chats; 2 in no chat");
  assert.equal(
    storageDetail({ storage: { originalBytes: 1, servedBytes: null } }),
    "originals, each stored once",
  );
  assert.equal(
    storageDetail({ storage: { originalBytes: 1, servedBytes: 2000 } }),
    "originals; pages load from 2.0 kB",
  );
  assert.equal(failedDetail({ failedByReason: { gone: 2, origin_down: 1 } }), "2 gone, 1 origin down");
  assert.equal(failedDetail({ failedByReason: {} }), "nothing has failed");
});

test("a long address is shortened to the part that tells pictures apart", () => {
  assert.equal(shortUrl("https://a.example/1.png"), "https://a.example/1.png");
  const long = `https://a.example/${"x".repeat(60)}/end.png`;
  assert.equal(shortUrl(long), `https:…${long.slice(-34)}`);
  assert.ok(shortUrl(long).endsWith("/end.png"));
  assert.equal(shortUrl(`data:image/png;base64,${"A".repeat(60)}`), "data:image/png;base64,AA…");
  assert.equal(shortUrl(`data:${"A".repeat(60)}`).length, 25);
});

test("a missing face belongs to a member or their contact in a chat, or to the chat", () => {
  const ada = {
    fullName: "Ada",
    participantId: "1",
    source: /** @type {const} */ ("participant"),
    chatTitle: "Maps",
  };
  assert.equal(placeOf(ada), "Ada in Maps");
  assert.equal(placeOf({ ...ada, source: "contact" }), "Ada in Maps (contact)");
  assert.equal(placeOf({ ...ada, chatTitle: "Ada" }), "Ada");
  assert.equal(placeOf({ ...ada, fullName: null, chatTitle: null }), "an unnamed member in an unnamed chat");
  assert.equal(
    placeOf({ ...ada, fullName: null, participantId: null, source: "chat" }),
    "Maps (the chat itself)",
  );
});

test("the largest copy of a picture is beside the one that faces show, if it is cached", () => {
  const url = "https://d1.example/images/00ff/192.webp";
  assert.equal(largeUrl({ status: "cached", url }), "https://d1.example/images/00ff/640.webp");
  assert.equal(largeUrl({ status: "failed" }), null);
});

test("a dialog says whose picture it shows, or why there is none", () => {
  assert.equal(describe({ status: "cached", source: "participant" }), "");
  assert.equal(
    describe({ status: "cached", source: "former" }),
    "A former picture: Beeper no longer sends it.",
  );
  assert.equal(
    describe({ status: "failed", reason: "too_large" }),
    "The picture could not be fetched: too large.",
  );
});

test("accounts are named after their networks, and by their ids where a network has several", () => {
  const accounts = [
    { accountId: "wa2", network: "WhatsApp" },
    { accountId: "wa1", network: "WhatsApp" },
    { accountId: "signal", network: "Signal" },
    { accountId: "local", network: null },
  ];
  assert.deepEqual(accountLabels(accounts).map(([, label]) => label), [
    "local",
    "Signal",
    "WhatsApp (wa1)",
    "WhatsApp (wa2)",
  ]);
});

test("moments in a sentence are in the reader's time zone", () => {
  const moment = "2026-06-05T09:07:00Z";
  assert.equal(inLocalTime(`Failed ${moment}, ${moment}.`), `Failed ${exact(moment)}, ${exact(moment)}.`);
});

test("a job is over when nothing that it has queued is waiting any more", () => {
  assert.equal(isOver({ status: "running", progress: {} }), false);
  assert.equal(isOver({ status: "done", progress: { queued: 3, waiting: 1 } }), false);
  assert.equal(isOver({ status: "done", progress: { queued: 3, waiting: 0 } }), true);
  assert.equal(isOver({ status: "failed", progress: { queued: 3, waiting: 1 } }), true);
});

test("the bar of a job shows the share of queued pictures that are downloaded", () => {
  assert.equal(shareDone({ progress: { queued: 4, waiting: 1, failed: 1, done: 2 } }), 0.75);
  assert.equal(shareDone({ progress: { queued: 4, waiting: 1, failed: 1 } }), null, "too many to count");
  assert.equal(shareDone({ progress: { queued: 4 } }), null, "a sync");
  assert.equal(shareDone({ progress: {} }), null);
});

test("counts are named in words, and those of zero are left out", () => {
  assert.equal(countsText({ chats: 180, queued: 0, unnamedBytes: 5 }), "180 chats, 5 unnamed bytes");
  assert.equal(countsText({ chats: 0 }), "");
});

test("a job that is over says how it ended", () => {
  /** @type {Record<string, number>} */
  const none = {};
  assert.equal(
    outcomeText("Sync now", { status: "done", progress: { chats: 2 }, result: { outcome: "ok" } }),
    "Sync now: done, 2 chats.",
  );
  assert.equal(
    outcomeText("Sync now", { status: "done", progress: none, result: { outcome: "out_of_time" } }),
    "Sync now: done (out of time), there was nothing to do.",
  );
  assert.equal(
    outcomeText("Sync now", { status: "failed", progress: none, result: { error: "AccessDenied" } }),
    "Sync now failed: AccessDenied. The log of the server has the details.",
  );
  assert.match(
    outcomeText("Sync now", { status: "failed", progress: none, result: {} }),
    /no reason was given/,
  );
});

test("an account that needs a person says since when, how many faces wait, and what to do", () => {
  const account = { since: "2026-11-20T10:00:00Z", waiting: 12, advice: "Log in again." };
  const since = exact(account.since);
  assert.equal(accountDetail(account), `since ${since}, 12 faces wait. Log in again.`);
  assert.equal(accountDetail({ ...account, waiting: 1, advice: null }), `since ${since}, 1 face waits`);
  assert.equal(accountDetail({ ...account, since: null, waiting: null }), "Log in again.");
});

test("the card of Beeper counts its accounts if it has listed any", () => {
  const account = {
    accountId: "whatsapp",
    network: "WhatsApp",
    since: null,
    needsPerson: false,
    text: "connected",
    advice: null,
    waiting: null,
  };
  const origin = { state: /** @type {const} */ ("ok"), since: null, checkedAt: null };
  assert.equal(beeperDetail({ origin, accounts: [] }), "");
  assert.equal(beeperDetail({ origin, accounts: [account] }), "1 account");
  assert.equal(beeperDetail({ origin, accounts: [account, account] }), "2 accounts");
});
