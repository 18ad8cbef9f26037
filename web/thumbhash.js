// Decodes a ThumbHash (about 25 bytes) into a blurred preview of at most 32 pixels a side.
// The algorithm is Evan Wallace's (https://evanw.github.io/thumbhash/, MIT licence): a hash holds a few cosine
// coefficients of the luminance, of two colour differences and, for a transparent picture, of the alpha channel.

/**
 * @typedef {object} Pixels RGBA bytes, row by row, as `ImageData` takes them.
 * @property {number} width
 * @property {number} height
 * @property {Uint8ClampedArray<ArrayBuffer>} data
 */

/**
 * @typedef {object} Wave One cosine term: its frequency in each direction, and its amplitude.
 * @property {number} x
 * @property {number} y
 * @property {number} amplitude
 */

/** @typedef {{ average: number, waves: Wave[] }} Channel */

/**
 * @typedef {object} Hash The content of a ThumbHash. `aspect` is width / height; `alpha` is null for an opaque picture.
 * @property {number} aspect
 * @property {Channel} luminance
 * @property {Channel} yellowBlue
 * @property {Channel} redGreen
 * @property {Channel | null} alpha
 */

const LONGEST_SIDE = 32;

/**
 * Decodes a ThumbHash.
 *
 * @param {string} base64 The hash, as the API sends it.
 * @returns {Pixels | null} The preview, or null if the text is not a ThumbHash.
 */
export function decodeThumbHash(base64) {
  try {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    return bytes.length < 5 ? null : paint(parse(bytes));
  } catch {
    return null; // A page must not fail because a placeholder is broken.
  }
}

/**
 * Reads the header and the coefficients.
 *
 * @param {Uint8Array} bytes
 * @returns {Hash}
 */
function parse(bytes) {
  const header = bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);
  const shape = bytes[3] | (bytes[4] << 8);
  const hasAlpha = header >> 23 === 1;
  const isLandscape = shape >> 15 === 1;
  const longSide = hasAlpha ? 5 : 7;
  const shortSide = shape & 7;
  const across = isLandscape ? longSide : shortSide;
  const down = isLandscape ? shortSide : longSide;
  const coefficients = readNibbles(bytes, hasAlpha ? 6 : 5);
  // The channels follow each other in the bytes, so they have to be read in this order.
  const luminanceAverage = (header & 63) / 63;
  const luminanceScale = ((header >> 18) & 31) / 31;
  const luminance = readChannel(
    luminanceAverage,
    luminanceScale,
    Math.max(3, across),
    Math.max(3, down),
    coefficients,
  );
  // The format loses some saturation; the factor 1.25 gives it back.
  const yellowBlueAverage = ((header >> 6) & 63) / 31.5 - 1;
  const yellowBlueScale = (((shape >> 3) & 63) / 63) * 1.25;
  const yellowBlue = readChannel(yellowBlueAverage, yellowBlueScale, 3, 3, coefficients);
  const redGreenAverage = ((header >> 12) & 63) / 31.5 - 1;
  const redGreenScale = (((shape >> 9) & 63) / 63) * 1.25;
  const redGreen = readChannel(redGreenAverage, redGreenScale, 3, 3, coefficients);
  const alpha = hasAlpha ? readChannel((bytes[5] & 15) / 15, (bytes[5] >> 4) / 15, 5, 5, coefficients) : null;
  return { aspect: across / down, luminance, yellowBlue, redGreen, alpha };
}

/**
 * Reads coefficients from -1 to 1, four bits each, the lower half of a byte first.
 *
 * @param {Uint8Array} bytes
 * @param {number} start The index of the first byte.
 * @returns {Generator<number, never>}
 */
function* readNibbles(bytes, start) {
  let index = start;
  while (true) {
    yield (bytes[index] & 15) / 7.5 - 1;
    yield (bytes[index] >> 4) / 7.5 - 1;
    index += 1;
  }
}

/**
 * Reads one channel, whose coefficients fill a triangle of `across` by `down` frequencies without its corner.
 *
 * @param {number} average
 * @param {number} scale
 * @param {number} across
 * @param {number} down
 * @param {Generator<number, never>} coefficients
 * @returns {Channel}
 */
function readChannel(average, scale, across, down, coefficients) {
  const waves = [];
  for (let y = 0; y < down; y++) {
    // The corner (0, 0) is the average itself.
    for (let x = y ? 0 : 1; x * down < across * (down - y); x++) {
      waves.push({ x, y, amplitude: coefficients.next().value * scale });
    }
  }
  return { average, waves };
}

/**
 * Paints the preview in RGBA.
 *
 * @param {Hash} hash
 * @returns {Pixels}
 */
function paint({ aspect, luminance, yellowBlue, redGreen, alpha }) {
  const width = Math.max(1, Math.round(aspect > 1 ? LONGEST_SIDE : LONGEST_SIDE * aspect));
  const height = Math.max(1, Math.round(aspect > 1 ? LONGEST_SIDE / aspect : LONGEST_SIDE));
  const l = paintChannel(luminance, width, height);
  const p = paintChannel(yellowBlue, width, height);
  const q = paintChannel(redGreen, width, height);
  const a = alpha && paintChannel(alpha, width, height);
  const data = new Uint8ClampedArray(width * height * 4);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const blue = l[pixel] - (2 / 3) * p[pixel];
    const red = (3 * l[pixel] - blue + q[pixel]) / 2;
    const green = red - q[pixel];
    const opacity = a ? a[pixel] : 1;
    data.set([red * 255, green * 255, blue * 255, opacity * 255], pixel * 4);
  }
  return { width, height, data };
}

/**
 * Returns the sum of the channel's waves at each pixel.
 *
 * @param {Channel} channel
 * @param {number} width
 * @param {number} height
 * @returns {Float32Array}
 */
function paintChannel({ average, waves }, width, height) {
  const columns = cosines(width, 7);
  const rows = cosines(height, 7);
  const values = new Float32Array(width * height);
  for (let pixel = 0; pixel < values.length; pixel++) {
    const column = columns[pixel % width];
    const row = rows[Math.floor(pixel / width)];
    let sum = average;
    for (const { x, y, amplitude } of waves) sum += 2 * amplitude * column[x] * row[y];
    values[pixel] = sum;
  }
  return values;
}

/**
 * Returns, for each pixel of a side, the values of the first cosine waves there.
 *
 * @param {number} length The number of pixels.
 * @param {number} waves The number of waves.
 * @returns {number[][]}
 */
function cosines(length, waves) {
  const cosinesAt = (/** @type {number} */ pixel) =>
    Array.from({ length: waves }, (_, wave) => Math.cos((Math.PI / length) * (pixel + 0.5) * wave));
  return Array.from({ length }, (_, pixel) => cosinesAt(pixel));
}
