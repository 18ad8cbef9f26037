// Defines <chat-avatar>, which draws an image object of the API as a round face. It needs thumbhash.js and no other
// file of this page; docs/avatar.md describes how another page uses it, and avatar.d.ts declares its types.

import { decodeThumbHash } from "./thumbhash.js";

/** @import { ChatImage } from "./avatar.d.ts" */

const DEFAULT_SIZE = 56;

// A constructed style sheet works under a Content-Security-Policy without 'unsafe-inline'; a <style> element does not.
const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`
  :host { contain: size layout style; display: inline-block; flex: none; vertical-align: middle;
          block-size: var(--avatar-size, ${DEFAULT_SIZE}px); inline-size: var(--avatar-size, ${DEFAULT_SIZE}px); }
  :host([hidden]) { display: none; }
  .face { block-size: 100%; border-radius: 50%; display: grid; inline-size: 100%; overflow: hidden;
          place-items: center; background: light-dark(oklch(90% 0.055 var(--hue)), oklch(38% 0.07 var(--hue)));
          color: light-dark(oklch(38% 0.11 var(--hue)), oklch(93% 0.04 var(--hue)));
          font: 600 calc(var(--face-size) * 0.38) / 1 system-ui, sans-serif; user-select: none; }
  .face > * { block-size: 100%; grid-area: 1 / 1; inline-size: 100%; object-fit: cover; }
  .face > span { align-content: center; text-align: center; }
  .face > svg { fill: currentColor; }
  .face > .moving { visibility: hidden; }
  @media not (prefers-reduced-motion: reduce) {
    .is-moving > .moving { visibility: visible; }
    .is-moving > :not(.moving) { visibility: hidden; }
  }
  .pile { block-size: 100%; inline-size: 100%; position: relative; }
  .pile > .face { block-size: var(--face-size); inline-size: var(--face-size); position: absolute;
                  outline: var(--avatar-gap, 2px) solid var(--avatar-ring, Canvas); }
`);

// What reacts to the pointer and to the keyboard: the nearest of these around an avatar, else the avatar itself.
const FOCUSABLE = "a[href], button, summary, [tabindex]:not([tabindex='-1'])";

const SVG = "http://www.w3.org/2000/svg";

// The places of one to four faces in a pile: [left, top, diameter], as fractions of the avatar's size.
const PLACES = [
  [[0, 0, 1]],
  [
    [0, 0, 0.66],
    [0.34, 0.34, 0.66],
  ],
  [
    [0.25, 0, 0.5],
    [0, 0.46, 0.5],
    [0.5, 0.46, 0.5],
  ],
  [
    [0, 0, 0.48],
    [0.52, 0, 0.48],
    [0, 0.52, 0.48],
    [0.52, 0.52, 0.48],
  ],
];
const MOST_FACES = PLACES.length;

/** The element `<chat-avatar>`. Each property is an attribute as well, where `image` and `faces` are JSON. */
export class ChatAvatar extends HTMLElement {
  static observedAttributes = ["image", "faces", "name", "size", "base"];

  /** @type {ChatImage | null} */
  #image = null;
  /** @type {ChatImage[]} */
  #faces = [];
  #name = "";
  #size = DEFAULT_SIZE;
  #base = "";
  #internals = this.attachInternals();
  #root = this.attachShadow({ mode: "open" });
  #willPaint = false;
  /** @type {{ face: HTMLElement, url: string }[]} The faces that have a moving copy. */
  #movable = [];
  /** @type {Element} */
  #stage = this;
  #isPointedAt = false;
  #listeners = new AbortController();

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [STYLE];
  }

  /** The picture to show. Null, or a picture that is not cached, shows `faces` or else initials. */
  get image() {
    return this.#image;
  }

  set image(/** @type {ChatImage | null | undefined} */ value) {
    this.#image = value ?? null;
    this.#schedulePaint();
  }

  /** Pictures of members, of which up to four are shown while `image` is not cached. */
  get faces() {
    return this.#faces;
  }

  set faces(/** @type {ChatImage[] | null | undefined} */ value) {
    this.#faces = value ?? [];
    this.#schedulePaint();
  }

  /** The name of the person or chat: the accessible name, and the source of initials that `image` does not bring. */
  get name() {
    return this.#name;
  }

  set name(/** @type {string | null | undefined} */ value) {
    this.#name = value ?? "";
    this.#schedulePaint();
  }

  /** The width and height in CSS pixels. A value that is not a positive number means 56. */
  get size() {
    return this.#size;
  }

  set size(/** @type {number | string | null | undefined} */ value) {
    this.#size = Number(value) > 0 ? Number(value) : DEFAULT_SIZE;
    this.#schedulePaint();
  }

  /** The origin of root-relative picture URLs, for example `https://d111.cloudfront.net`. Empty: the page's own. */
  get base() {
    return this.#base;
  }

  set base(/** @type {string | null | undefined} */ value) {
    this.#base = value ?? "";
    this.#schedulePaint();
  }

  connectedCallback() {
    this.#adoptEarlyProperties();
    this.#listen();
    this.#paint();
  }

  disconnectedCallback() {
    this.#listeners.abort();
    this.#isPointedAt = false;
  }

  /**
   * @param {string} attribute
   * @param {string | null} _before
   * @param {string | null} value
   */
  attributeChangedCallback(attribute, _before, value) {
    const isJson = attribute === "image" || attribute === "faces";
    Object.assign(this, { [attribute]: isJson && value !== null ? fromJson(value) : value });
  }

  /**
   * Moves properties that were set before this class was defined through the setters. A framework may create the
   * element first; its values are then own properties, which hide the setters of the class.
   */
  #adoptEarlyProperties() {
    for (const property of ChatAvatar.observedAttributes) {
      const early = Object.getOwnPropertyDescriptor(this, property);
      if (early) {
        Reflect.deleteProperty(this, property);
        Object.assign(this, { [property]: early.value });
      }
    }
  }

  /** Paints once after all properties that are set in the same task. */
  #schedulePaint() {
    if (this.#willPaint || !this.isConnected) return;
    this.#willPaint = true;
    queueMicrotask(() => this.#paint());
  }

  /** Follows the pointer and the focus, by which the faces move. */
  #listen() {
    this.#listeners = new AbortController();
    const { signal } = this.#listeners;
    this.#stage = this.closest(FOCUSABLE) ?? this;
    for (const type of ["pointerenter", "pointerleave", "focus", "blur"]) {
      this.#stage.addEventListener(type, () => {
        if (type.startsWith("pointer")) this.#isPointedAt = type === "pointerenter";
        this.#move();
      }, { signal });
    }
  }

  /** Shows the moving copies while the pointer is on the stage or the keyboard has led to it, else the stills. */
  #move() {
    if (this.#movable.length === 0) return;
    const isWanted = this.#isPointedAt || this.#stage.matches(":focus-visible");
    for (const { face, url } of this.#movable) {
      const moving = face.querySelector(".moving");
      if (isWanted && !moving && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
        face.append(movingCopy(face, url));
      } else if (!isWanted) {
        face.classList.remove("is-moving");
        moving?.remove();
      }
    }
  }

  #paint() {
    this.#willPaint = false;
    this.#movable = [];
    this.style.setProperty("--avatar-size", `${this.#size}px`);
    this.#internals.role = "img";
    this.#internals.ariaLabel = this.#name || "picture";
    const isPile = this.#image?.status !== "cached" && this.#faces.length > 0;
    this.#root.replaceChildren(isPile ? this.#pile() : this.#face(this.#image, this.#size));
    this.#move();
  }

  /** Draws up to four faces beside each other. */
  #pile() {
    const faces = this.#faces.slice(0, MOST_FACES);
    const pile = document.createElement("div");
    pile.className = "pile";
    faces.forEach((image, index) => {
      const [left, top, diameter] = PLACES[faces.length - 1][index];
      const face = this.#face(image, this.#size * diameter);
      face.style.left = `${left * this.#size}px`;
      face.style.top = `${top * this.#size}px`;
      pile.append(face);
    });
    return pile;
  }

  /**
   * Draws one face: the placeholder or initials and then the picture if it is cached, else initials, else a
   * silhouette.
   *
   * @param {ChatImage | null} image
   * @param {number} size The diameter in CSS pixels.
   */
  #face(image, size) {
    const face = document.createElement("div");
    face.className = "face";
    face.style.setProperty("--face-size", `${size}px`);
    const initials = image?.initials || initialsOf(this.#name);
    face.style.setProperty("--hue", String(hueOf(this.#name || initials)));
    if (image?.status !== "cached") {
      face.append(initials ? letters(initials) : silhouette());
      return face;
    }
    // Behind a transparent picture, its own colour would hide it.
    const background = image.backdrop || image.color;
    if (background) face.style.backgroundColor = background;
    // A member in a list of chats has neither placeholder nor colour. Initials are on a colour of the name only.
    const first = image.placeholder || background || !initials
      ? placeholder(image.placeholder)
      : letters(initials);
    face.append(first, this.#picture(image, size, first));
    const moving = image.isAnimated && copyUrl(image.url, "anim");
    if (moving) this.#movable.push({ face, url: absolute(moving, this.#base) });
    return face;
  }

  /**
   * Makes the `<img>`, which takes away what is drawn below it once it is decoded.
   *
   * @param {ChatImage} image
   * @param {number} size The diameter in CSS pixels.
   * @param {HTMLElement} first The placeholder or the initials below it.
   */
  #picture(image, size, first) {
    const picture = new Image(size, size);
    picture.alt = "";
    picture.decoding = "async";
    picture.loading = "lazy";
    picture.draggable = false;
    // A picture may be transparent in places, so nothing must stay visible behind it.
    picture.onload = () =>
      picture.decode().then(
        () => first.remove(),
        () => {},
      );
    picture.onerror = () => picture.remove(); // What is below it stays.
    picture.sizes = `${Math.ceil(size)}px`;
    picture.srcset = sourceSet(image, size, this.#base);
    picture.src = absolute(image.url ?? "", this.#base);
    return picture;
  }
}

/**
 * Makes the `<img>` of a moving copy. The still is shown until it is decoded, and for ever if it cannot be loaded.
 *
 * @param {HTMLElement} face
 * @param {string} url
 */
function movingCopy(face, url) {
  const moving = new Image();
  moving.className = "moving";
  moving.alt = "";
  moving.draggable = false;
  moving.onload = () =>
    moving.decode().then(
      () => moving.isConnected && face.classList.add("is-moving"),
      () => {},
    );
  moving.src = url;
  return moving;
}

/**
 * Draws the ThumbHash on a canvas, or returns an empty canvas if there is no valid hash. A `data:` URL would do as
 * well, but the Content-Security-Policy of another page may refuse it.
 *
 * @param {string | null | undefined} base64
 */
function placeholder(base64) {
  const canvas = document.createElement("canvas");
  const pixels = base64 ? decodeThumbHash(base64) : null;
  if (pixels) {
    canvas.width = pixels.width;
    canvas.height = pixels.height;
    canvas.getContext("2d")?.putImageData(new ImageData(pixels.data, pixels.width, pixels.height), 0, 0);
  }
  return canvas;
}

/** Draws the outline of a person, for a name without letters, for example a telephone number. */
function silhouette() {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  const outline = document.createElementNS(SVG, "path");
  outline.setAttribute(
    "d",
    "M12 13.2a3.9 3.9 0 1 0 0-7.8 3.9 3.9 0 0 0 0 7.8Zm0 1.6c-4 0-7.2 2.2-7.2 5V24h14.4v-4.2c0-2.8-3.2-5-7.2-5Z",
  );
  drawing.append(outline);
  return drawing;
}

/** @param {string} initials */
function letters(initials) {
  const span = document.createElement("span");
  span.textContent = initials;
  return span;
}

/**
 * Returns the URL of another copy of a picture: all copies are in one folder.
 *
 * @param {string | null | undefined} url The URL of the copy of 192 px, as the API answers it.
 * @param {"96" | "192" | "640" | "anim"} name
 * @returns {string | null} Null if the URL is not one of the copy of 192 px.
 */
export function copyUrl(url, name) {
  return url && /(^|\/)192\.webp$/.test(url) ? url.replace(/192(?=\.webp$)/, name) : null;
}

/**
 * Returns the value of the `srcset` attribute, which names the shortest side of each copy as its width: a circle is
 * filled by the shortest side. A face of up to 96 px never needs the 640 px copy, even on a screen with two device
 * pixels for each CSS pixel. That copy is as long as it is named, so it may be too narrow to be of use. Without the
 * original's width and height, the picture counts as a square, as most are.
 *
 * @param {Pick<ChatImage, "url" | "width" | "height">} image
 * @param {number} size The diameter of the face in CSS pixels.
 * @param {string} base The origin of root-relative URLs.
 * @returns {string}
 */
export function sourceSet({ url, width, height }, size, base) {
  const share = width && height ? Math.min(width, height) / Math.max(width, height) : 1;
  const largest = Math.round(640 * share);
  /** @type {["96" | "192" | "640", number][]} */
  const copies = [["96", 96], ["192", 192]];
  if (size > 96 && largest > 192) copies.push(["640", largest]);
  return copies
    .flatMap(([name, side]) => {
      const copy = copyUrl(url, name);
      return copy ? [`${absolute(copy, base)} ${side}w`] : [];
    })
    .join(", ");
}

/**
 * Returns the URL on the origin `base`, or the URL unchanged if `base` is empty.
 *
 * @param {string} url
 * @param {string} base
 * @returns {string}
 */
function absolute(url, base) {
  return base ? new URL(url, base).href : url;
}

// Between two of these letters, which would otherwise be joined as in a word.
const NON_JOINER = "\u200c";
const CURSIVE =
  /^[\u0600-\u077f\u07c0-\u07ff\u0840-\u08ff\u1800-\u18af\ufb50-\ufdff\ufe70-\ufefe\u{1e900}-\u{1e95f}]/u;
const OPENING = "([{<（［【「『";
const CLOSING = ")]}>）］】」』";
// Marks that are not seen, letters that are not seen, which people use as an empty name, and signs that change the
// emoji before them. The two joiners belong to the letters around them.
const INVISIBLE =
  /(?![\u200c\u200d])\p{Cf}|[\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufe00-\ufe0f\u{1f3fb}-\u{1f3ff}]/gu;
const KEYCAP = /[0-9#*]\u20e3/g;
// Georgian has capital letters, but no name is written with them.
const GEORGIAN = /^[\u10d0-\u10ff]/;

/**
 * Returns the first letters of the first and of the last word, as the API does (rules/initials.py). A letter is a whole
 * grapheme cluster. Signs before it are skipped, and so is a word that begins with a digit. Words in brackets count
 * only if fewer than two other words do.
 *
 * @param {string} name
 * @returns {string} One or two letters, or nothing for a name without letters.
 */
export function initialsOf(name) {
  const words = wordsOf(name.normalize("NFC").replace(INVISIBLE, "").replace(KEYCAP, ""));
  const outside = words.filter((word) => !word.isInBrackets);
  const chosen = outside.length > 1 ? outside : words;
  const ends = chosen.length > 1 ? [chosen[0], chosen[chosen.length - 1]] : chosen;
  const letters = ends.map((word) => capital(clusterOf(word.text)));
  const areJoined = letters.length > 1 && letters.every((letter) => CURSIVE.test(letter));
  return letters.join(areJoined ? NON_JOINER : "");
}

/**
 * Returns the words from their first letters on.
 *
 * @param {string} name
 * @returns {{ text: string, isInBrackets: boolean }[]}
 */
function wordsOf(name) {
  const words = [];
  let depth = 0;
  let isLetterWanted = true;
  let position = 0;
  for (const char of name) {
    if (/[\p{Z}\p{Cc}]/u.test(char)) isLetterWanted = true;
    else if (OPENING.includes(char)) depth += 1;
    else if (CLOSING.includes(char)) depth = Math.max(0, depth - 1);
    else if (isLetterWanted && /[\p{Lu}\p{Ll}\p{Lt}\p{Lo}]/u.test(char)) {
      isLetterWanted = false;
      words.push({ text: name.slice(position), isInBrackets: depth > 0 });
    } else if (/\p{N}/u.test(char)) isLetterWanted = false;
    position += char.length;
  }
  return words;
}

/**
 * Returns the first grapheme cluster, without joiners at its end.
 *
 * @param {string} text
 */
function clusterOf(text) {
  const [first] = new Intl.Segmenter("und", { granularity: "grapheme" }).segment(text);
  return first.segment.replace(/[\u200c\u200d]+$/, "");
}

/**
 * Returns the cluster with a capital letter, unless that would be several letters, as SS for ß.
 *
 * @param {string} cluster
 */
function capital(cluster) {
  const [letter] = cluster;
  const upper = GEORGIAN.test(letter) ? letter : letter.toUpperCase();
  return ([...upper].length === 1 ? upper : letter) + cluster.slice(letter.length);
}

/**
 * Returns the hue of the background behind initials. It depends on the name only, so that a person keeps their colour.
 *
 * @param {string} name
 * @returns {number} Degrees, from 0 to 359.
 */
export function hueOf(name) {
  let hash = 0;
  for (const char of name) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 360;
  return hash;
}

/**
 * Parses an attribute. Invalid JSON counts as a missing value: the element then shows initials.
 *
 * @param {string} text
 * @returns {unknown}
 */
function fromJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

if (!customElements.get("chat-avatar")) customElements.define("chat-avatar", ChatAvatar);
