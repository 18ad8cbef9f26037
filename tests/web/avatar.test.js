import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";

/** @type {typeof import("../../web/avatar.js")} */
let avatar;

before(async () => {
  // The module defines its element when it is loaded, which needs these parts of a browser.
  Object.assign(globalThis, {
    HTMLElement: class {},
    CSSStyleSheet: class {
      replaceSync() {}
    },
    customElements: { get: () => undefined, define: () => {} },
  });
  avatar = await import("../../web/avatar.js");
});

test("initials are the first letters of the first and the last word, as the API makes them", () => {
  /** @type {[string, string][]} */
  const cases = [
    ["Ada Lovelace", "AL"],
    ["ada", "A"],
    ["Juan de la Cruz", "JC"],
    ["  Łucja \t Óstra ", "ŁÓ"],
    ["Zoë 🌷", "Z"],
    ["+49 170 1234567", ""],
    ["", ""],
  ];
  for (const [name, initials] of cases) assert.equal(avatar.initialsOf(name), initials);
});

test("initials are whole letters of every script, as the API makes them", () => {
  /** @type {{ initials: [string, string][] }} */
  const vectors = JSON.parse(readFileSync(new URL("../fixtures/initials.json", import.meta.url), "utf8"));
  for (const [name, initials] of vectors.initials) {
    assert.equal(avatar.initialsOf(name), initials, JSON.stringify(name));
  }
});

test("a letter outside the basic plane is not cut in half", () => {
  assert.equal(avatar.initialsOf("𝒜da 𝒵oe"), "𝒜𝒵");
});

test("a name has one hue, and other names have others", () => {
  assert.equal(avatar.hueOf("Ada Lovelace"), avatar.hueOf("Ada Lovelace"));
  const hues = ["Ada", "Bob", "Cleo", "Dan", "Eve", "Łucja", ""].map(avatar.hueOf);
  assert.ok(hues.every((hue) => Number.isInteger(hue) && hue >= 0 && hue < 360));
  assert.equal(new Set(hues).size, hues.length);
});

test("a small face offers the browser no large copy", () => {
  const url = "/images/a/192.webp";
  assert.equal(avatar.sourceSet({ url }, 96, ""), "/images/a/96.webp 96w, /images/a/192.webp 192w");
  assert.equal(
    avatar.sourceSet({ url }, 97, ""),
    "/images/a/96.webp 96w, /images/a/192.webp 192w, /images/a/640.webp 640w",
  );
});

test("a copy is as wide as its shortest side, which has to fill the circle", () => {
  const url = "/a/192.webp";
  for (const [width, height] of [[2000, 1000], [1000, 2000]]) {
    assert.equal(
      avatar.sourceSet({ url, width, height }, 120, ""),
      "/a/96.webp 96w, /a/192.webp 192w, /a/640.webp 320w",
    );
  }
  assert.equal(
    avatar.sourceSet({ url, width: 4000, height: 1000 }, 120, ""),
    "/a/96.webp 96w, /a/192.webp 192w",
  );
});

test("the address of each copy follows from that of 192 pixels, and no copy from another address", () => {
  assert.equal(avatar.copyUrl("/images/192/192.webp", "anim"), "/images/192/anim.webp");
  for (
    const url of ["/a/96.webp", "/a/1192.webp", "/192.webp/x", "javascript:owned=1", "", null, undefined]
  ) {
    assert.equal(avatar.copyUrl(url, "640"), null);
  }
});

test("root-relative addresses get their origin", () => {
  assert.equal(
    avatar.sourceSet({ url: "/a/192.webp" }, 56, "https://d111.example"),
    "https://d111.example/a/96.webp 96w, https://d111.example/a/192.webp 192w",
  );
  assert.equal(
    avatar.sourceSet({ url: "https://other.example/a/192.webp" }, 56, "https://d111.example"),
    "https://other.example/a/96.webp 96w, https://other.example/a/192.webp 192w",
  );
  assert.equal(avatar.sourceSet({}, 56, ""), "");
});
