import assert from "node:assert/strict";
import { test } from "node:test";
import { chatAddress } from "../../web/page/card.js";
import { readRoute } from "../../web/page/route.js";

test("an address without a view leads to the inbox", () => {
  for (const hash of ["", "#", "#/", "#/nonsense", "#/chat/"]) {
    assert.deepEqual(readRoute(hash), { view: "chats", filter: "inbox" });
  }
});

test("an address names a filter or the operator's view", () => {
  assert.deepEqual(readRoute("#/?filter=pinned"), { view: "chats", filter: "pinned" });
  assert.deepEqual(readRoute("#/operator"), { view: "operator" });
});

test("the address of a chat leads to it, whatever its id", () => {
  const ids = ["imsg##thread:7c/9f", "!slash/and%41percent:local", "!q?mark=1&so on#x:local", "ü 🌷"];
  for (const chatId of ids) assert.deepEqual(readRoute(chatAddress(chatId)), { view: "chat", chatId });
});

test("an id with invalid encoding is taken as it is", () => {
  assert.deepEqual(readRoute("#/chat/50%"), { view: "chat", chatId: "50%" });
});
