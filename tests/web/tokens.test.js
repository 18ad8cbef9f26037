import assert from "node:assert/strict";
import { test } from "node:test";
import {
  declineRemembering,
  dropToken,
  keepToken,
  mayBeRemembered,
  rememberToken,
  takeTokenFromAddress,
  tokenFor,
} from "../../web/page/tokens.js";
import { FakeStorage, setGlobals } from "./fake_browser.js";

/** @import { TestContext } from "node:test" */

/**
 * Opens a tab at an address.
 *
 * @param {TestContext} context
 * @param {string} hash
 * @param {FakeStorage} [localStorage] What the device remembers.
 */
function openTab(context, hash, localStorage = new FakeStorage()) {
  /** @type {string[]} */
  const addresses = [];
  setGlobals(context, {
    location: { hash, pathname: "/" },
    history: { replaceState: (/** @type {unknown[]} */ ...[, , url]) => addresses.push(String(url)) },
    sessionStorage: new FakeStorage(),
    localStorage,
  });
  return addresses;
}

test("a token in the address is stored and removed from the address", (context) => {
  const addresses = openTab(context, "#token=abc%2Bdef");
  assert.equal(takeTokenFromAddress(), true);
  assert.equal(tokenFor("read"), "abc+def");
  assert.deepEqual(addresses, ["/"]);
});

test("an address without a token is left alone", (context) => {
  for (const hash of ["", "#/", "#/chat/token=1", "#token="]) {
    const addresses = openTab(context, hash);
    assert.equal(takeTokenFromAddress(), false);
    assert.equal(tokenFor("read"), "");
    assert.deepEqual(addresses, []);
  }
});

test("the two tokens are stored apart, without white space, until they are dropped", (context) => {
  openTab(context, "");
  keepToken("read", " one\n");
  keepToken("admin", "two");
  dropToken("admin");
  assert.equal(tokenFor("read"), "one");
  assert.equal(tokenFor("admin"), "");
});

test("a remembered token is there in the next tab, and another one only in its own", (context) => {
  const device = new FakeStorage();
  openTab(context, "", device);
  keepToken("read", "remembered", { remember: true });
  openTab(context, "", device);
  assert.equal(tokenFor("read"), "remembered");
  keepToken("read", "other");
  assert.equal(tokenFor("read"), "other");
  openTab(context, "", device);
  assert.equal(tokenFor("read"), "");
});

test("the token of a link is remembered if the one before was", (context) => {
  const device = new FakeStorage({ "read-token": "old" });
  openTab(context, "#token=new", device);
  takeTokenFromAddress();
  openTab(context, "", device);
  assert.equal(tokenFor("read"), "new");
  dropToken("read");
  openTab(context, "", device);
  assert.equal(tokenFor("read"), "");
});

test("the token of a link may be remembered, until the reader has decided", (context) => {
  const device = new FakeStorage();
  openTab(context, "", device);
  keepToken("read", "typed");
  assert.equal(mayBeRemembered(), false);
  openTab(context, "#token=new", device);
  takeTokenFromAddress();
  assert.equal(mayBeRemembered(), true);
  declineRemembering();
  assert.equal(mayBeRemembered(), false);
  openTab(context, "#token=new", device);
  takeTokenFromAddress();
  rememberToken();
  assert.equal(mayBeRemembered(), false);
  openTab(context, "", device);
  assert.equal(tokenFor("read"), "new");
  openTab(context, "#token=new", device);
  takeTokenFromAddress();
  assert.equal(mayBeRemembered(), false);
});
