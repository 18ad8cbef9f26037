// ThumbHash (about 25 bytes) → a blurred preview, at most 32 pixels a side.
// The algorithm is Evan Wallace's (https://evanw.github.io/thumbhash/, MIT): a few cosine coefficients of luminance,
// two colour differences and, where something shows through, alpha, each in four bits.

const LONGEST_SIDE = 32;

/** Base64 → `ImageData`, or null for what is no ThumbHash. */
export function decodeThumbHash(base64) {
  try {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    return bytes.length < 5 ? null : paint(read(bytes));
  } catch {
    return null; // a placeholder is never worth an error
  }
}

function read(bytes) {
  const head = bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);
  const tail = bytes[3] | (bytes[4] << 8);
  const hasAlpha = head >> 23 === 1;
  const isLandscape = tail >> 15 === 1;
  const most = hasAlpha ? 5 : 7;
  const [across, down] = isLandscape ? [most, tail & 7] : [tail & 7, most];
  const next = nibbles(bytes, hasAlpha ? 6 : 5);
  return {
    aspect: across / down,
    light: channel(
      (head & 63) / 63,
      ((head >> 18) & 31) / 31,
      [Math.max(3, across), Math.max(3, down)],
      next,
    ),
    // The format loses some saturation; 1.25 gives it back.
    warmth: channel(((head >> 6) & 63) / 31.5 - 1, (((tail >> 3) & 63) / 63) * 1.25, [3, 3], next),
    tint: channel(((head >> 12) & 63) / 31.5 - 1, (((tail >> 9) & 63) / 63) * 1.25, [3, 3], next),
    alpha: hasAlpha ? channel((bytes[5] & 15) / 15, (bytes[5] >> 4) / 15, [5, 5], next) : null,
  };
}

/** Four bits each, the lower half of a byte first. */
function nibbles(bytes, start) {
  let at = 0;
  return () => {
    const byte = bytes[start + (at >> 1)];
    return (at++ & 1 ? byte >> 4 : byte & 15) / 7.5 - 1;
  };
}

function channel(steady, scale, [across, down], next) {
  const waves = [];
  for (let y = 0; y < down; y++) {
    for (let x = y ? 0 : 1; x * down < across * (down - y); x++) waves.push({ x, y, size: next() * scale });
  }
  return { steady, waves };
}

function paint({ aspect, light, warmth, tint, alpha }) {
  const width = Math.max(1, Math.round(aspect > 1 ? LONGEST_SIDE : LONGEST_SIDE * aspect));
  const height = Math.max(1, Math.round(aspect > 1 ? LONGEST_SIDE / aspect : LONGEST_SIDE));
  const planes = [light, warmth, tint].map((one) => plane(one, width, height));
  const veil = alpha && plane(alpha, width, height);
  const pixels = new ImageData(width, height);
  for (let at = 0; at < width * height; at++) {
    const [l, p, q] = planes.map((one) => one[at]);
    const blue = l - (2 / 3) * p;
    const red = (3 * l - blue + q) / 2;
    pixels.data.set(
      [red, red - q, blue, veil ? veil[at] : 1].map((one) => one * 255),
      at * 4,
    );
  }
  return pixels;
}

/** The sum of the waves at each pixel. */
function plane({ steady, waves }, width, height) {
  const columns = cosines(width, 7);
  const rows = cosines(height, 7);
  const values = new Float32Array(width * height);
  for (let at = 0; at < values.length; at++) {
    const column = columns[at % width];
    const row = rows[Math.floor(at / width)];
    values[at] = waves.reduce((sum, { x, y, size }) => sum + size * column[x] * row[y] * 2, steady);
  }
  return values;
}

function cosines(length, waves) {
  return Array.from({ length }, (_, at) =>
    Array.from({ length: waves }, (_, wave) => Math.cos((Math.PI / length) * (at + 0.5) * wave)),
  );
}
