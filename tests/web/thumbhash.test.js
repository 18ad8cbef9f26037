import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeThumbHash } from "../../web/thumbhash.js";

// What the author's own decoder (npm package thumbhash 0.1.1) makes of the hashes: four corners and the middle.
const LANDSCAPE = {
  hash: "GxcKNJhwh3dwiHiHiIeAgAf3iA==",
  size: [32, 18],
  pixels: [
    [0, 0, [5, 0, 140, 255]],
    [31, 0, [221, 0, 130, 255]],
    [0, 17, [0, 213, 126, 255]],
    [31, 17, [213, 192, 105, 255]],
    [16, 9, [120, 113, 137, 255]],
  ],
};
const TRANSLUCENT_PORTRAIT = {
  hash: "FQeHMgZHxLB4eIimTyiPd3B3iIiHiIc=",
  size: [13, 32],
  pixels: [
    [0, 0, [155, 16, 69, 11]],
    [12, 0, [201, 14, 11, 255]],
    [0, 31, [148, 9, 128, 0]],
    [12, 31, [188, 9, 180, 227]],
    [6, 16, [112, 6, 115, 147]],
  ],
};

for (const [name, expected] of Object.entries({ LANDSCAPE, TRANSLUCENT_PORTRAIT })) {
  test(`a hash is decoded as its author's decoder does: ${name}`, () => {
    const decoded = decodeThumbHash(expected.hash);
    assert.ok(decoded);
    assert.deepEqual([decoded.width, decoded.height], expected.size);
    assert.equal(decoded.data.length, decoded.width * decoded.height * 4);
    for (const [x, y, rgba] of /** @type {[number, number, number[]][]} */ (expected.pixels)) {
      const start = (y * decoded.width + x) * 4;
      const pixel = [...decoded.data.slice(start, start + 4)];
      // Sums in another order are rounded differently.
      const isEqual = pixel.every((value, index) => Math.abs(value - rgba[index]) <= 1);
      assert.ok(isEqual, `${x}, ${y}: ${pixel} instead of ${rgba}`);
    }
  });
}

test("a text that is not a hash is decoded to null", () => {
  for (const text of ["", "AAA", "not base64!", "////"]) assert.equal(decodeThumbHash(text), null);
});
