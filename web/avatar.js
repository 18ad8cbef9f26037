// <chat-avatar>: an image object of the API → a face. Depends on thumbhash.js and on nothing else of this page.
// docs/avatar.md says how another page uses it.

import { decodeThumbHash } from "./thumbhash.js";

const STYLE = new CSSStyleSheet(); // a sheet that is made, not parsed from the page, needs no 'unsafe-inline'
STYLE.replaceSync(`
  :host { contain: size layout style; display: inline-block; flex: none; vertical-align: middle;
          block-size: var(--avatar-size, 56px); inline-size: var(--avatar-size, 56px); }
  :host([hidden]) { display: none; }
  .face { block-size: 100%; border-radius: 50%; display: grid; inline-size: 100%; overflow: hidden;
          place-items: center; background: light-dark(oklch(90% 0.055 var(--hue)), oklch(38% 0.07 var(--hue)));
          color: light-dark(oklch(38% 0.11 var(--hue)), oklch(93% 0.04 var(--hue)));
          font: 600 calc(var(--face-size) * 0.38) / 1 system-ui, sans-serif; user-select: none; }
  .face > * { block-size: 100%; grid-area: 1 / 1; inline-size: 100%; object-fit: cover; }
  .face > span { align-content: center; text-align: center; }
  .face > svg { fill: currentColor; }
  .pile { block-size: 100%; inline-size: 100%; position: relative; }
  .pile > .face { block-size: var(--face-size); inline-size: var(--face-size); position: absolute;
                  outline: var(--avatar-gap, 2px) solid var(--avatar-ring, Canvas); }
`);

const SVG = "http://www.w3.org/2000/svg";

// Where up to four faces stand: [left, top, size], in parts of the whole.
const PLACES = {
  1: [[0, 0, 1]],
  2: [
    [0, 0, 0.66],
    [0.34, 0.34, 0.66],
  ],
  3: [
    [0.25, 0, 0.5],
    [0, 0.46, 0.5],
    [0.5, 0.46, 0.5],
  ],
  4: [
    [0, 0, 0.48],
    [0.52, 0, 0.48],
    [0, 0.52, 0.48],
    [0.52, 0.52, 0.48],
  ],
};

// Each a property and an attribute (`image` and `faces` are JSON there), with what a missing one means.
const PROPERTIES = {
  image: (value) => value ?? null, // an image object of the API
  faces: (value) => value ?? [], // image objects of members, shown while `image` is not cached
  name: (value) => value ?? "", // whose it is: letters where the image has none, and the accessible name
  size: (value) => (Number(value) > 0 ? Number(value) : 56), // CSS pixels
  base: (value) => value ?? "", // the origin of root-relative URLs; empty: the page's own
};

export class ChatAvatar extends HTMLElement {
  static observedAttributes = Object.keys(PROPERTIES);

  #values = { image: null, faces: [], name: "", size: 56, base: "" };
  #internals = this.attachInternals();
  #root = this.attachShadow({ mode: "open" });
  #isStale = false;

  static {
    for (const [name, meant] of Object.entries(PROPERTIES)) {
      Object.defineProperty(this.prototype, name, {
        enumerable: true,
        get() {
          return this.#values[name];
        },
        set(value) {
          this.#values[name] = meant(value);
          this.#change();
        },
      });
    }
  }

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [STYLE];
  }

  connectedCallback() {
    // A framework may have set these before this class was there to see it.
    for (const name of ChatAvatar.observedAttributes) {
      if (Object.hasOwn(this, name)) {
        const value = this[name];
        delete this[name];
        this[name] = value;
      }
    }
    this.#paint();
  }

  attributeChangedCallback(name, _, value) {
    this[name] = name === "image" || name === "faces" ? fromJson(value) : value;
  }

  /** Once for all the properties that are set one after another. */
  #change() {
    if (this.#isStale || !this.isConnected) return;
    this.#isStale = true;
    queueMicrotask(() => this.#paint());
  }

  #paint() {
    this.#isStale = false;
    this.style.setProperty("--avatar-size", `${this.size}px`);
    this.#internals.role = "img";
    this.#internals.ariaLabel = this.name || "picture";
    const isPile = this.image?.status !== "cached" && this.faces.length > 0;
    this.#root.replaceChildren(isPile ? this.#pile() : this.#face(this.image, this.size));
  }

  #pile() {
    const faces = this.faces.slice(0, 4);
    const pile = document.createElement("div");
    pile.className = "pile";
    faces.forEach((image, at) => {
      const [left, top, part] = PLACES[faces.length][at];
      const face = this.#face(image, this.size * part);
      face.style.left = `${left * this.size}px`;
      face.style.top = `${top * this.size}px`;
      pile.append(face);
    });
    return pile;
  }

  #face(image, size) {
    const face = document.createElement("div");
    face.className = "face";
    face.style.setProperty("--face-size", `${size}px`);
    const initials = image?.initials || initialsOf(this.name);
    face.style.setProperty("--hue", String(hueOf(this.name || initials)));
    if (image?.status !== "cached") {
      face.append(initials ? element("span", initials) : silhouette());
      return face;
    }
    if (image.color) face.style.backgroundColor = image.color;
    const blur = placeholder(image.placeholder);
    face.append(blur, this.#picture(image, size, blur));
    return face;
  }

  #picture(image, size, blur) {
    const picture = new Image(size, size);
    picture.alt = "";
    picture.decoding = "async";
    picture.loading = "lazy";
    picture.draggable = false;
    // A picture may be transparent in places, where nothing should show through.
    picture.onload = () =>
      picture.decode().then(
        () => blur.remove(),
        () => {},
      );
    picture.onerror = () => picture.remove(); // the placeholder stays
    picture.sizes = `${Math.ceil(size)}px`;
    const widths = size > 96 ? ["96", "192", "640"] : ["96", "192"];
    const known = widths.filter((width) => image.sizes?.[width]);
    picture.srcset = known.map((width) => `${this.#absolute(image.sizes[width])} ${width}w`).join(", ");
    picture.src = this.#absolute(image.url);
    return picture;
  }

  #absolute(url) {
    return this.base ? new URL(url, this.base).href : url;
  }
}

/** A canvas and no data: URL, which another page's Content-Security-Policy may refuse. Empty without a hash. */
function placeholder(base64) {
  const canvas = document.createElement("canvas");
  const pixels = base64 && decodeThumbHash(base64);
  if (pixels) {
    canvas.width = pixels.width;
    canvas.height = pixels.height;
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  }
  return canvas;
}

/** For whoever has neither picture nor letters, a telephone number for instance. */
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

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

/** As the API makes them: the first letters of the first and the last word. */
function initialsOf(name) {
  const words = name.split(/\s+/).filter((word) => /^\p{L}/u.test(word));
  const ends = words.length > 1 ? [words[0], words.at(-1)] : words;
  return ends
    .map((word) => [...word][0])
    .join("")
    .toUpperCase();
}

/** The same colour for the same name, everywhere and always. */
function hueOf(name) {
  let hash = 0;
  for (const char of name) hash = (hash * 31 + char.codePointAt(0)) % 360;
  return hash;
}

function fromJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // an attribute that is no JSON shows initials, and breaks no page
  }
}

if (!customElements.get("chat-avatar")) customElements.define("chat-avatar", ChatAvatar);
