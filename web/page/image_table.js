// Lists failed pictures, or faces whose picture is missing, with what can be done about each.

import { listImages, listUncached } from "./api.js";
import { chatAddress } from "./card.js";
import { element } from "./element.js";
import { Endless } from "./endless.js";
import { explainImage, forgetImage, retryImage } from "./image_actions.js";
import { ago, exact } from "./moments.js";
import { errorNotice } from "./notice.js";

/** @import { ImageRow, Reference } from "./answers.d.ts" */
/** @import { Child } from "./element.js" */

/**
 * @typedef {object} Row
 * @property {string | null} sourceUrl
 * @property {Child[]} cells
 * @property {Node} [place] A place that shows the picture. Rows of one picture become one, with a list of the places.
 */

/**
 * @typedef {object} Kind What a table lists.
 * @property {string} title
 * @property {string} empty The text of a table without rows.
 * @property {string} emptyBeforeSync The same, before any sync has succeeded.
 * @property {string[]} columns
 * @property {(cursor: string | null) => Promise<{ rows: Row[], nextCursor: string | null }>} readPage
 */

/** @type {Record<"failed" | "uncached", Kind>} */
const KINDS = {
  failed: {
    title: "Failed pictures",
    empty: "No picture has failed.",
    emptyBeforeSync: "No picture has failed.",
    columns: ["Picture", "Reason", "Failed", "Next try"],
    readPage: async (cursor) => {
      const { images, nextCursor } = await listImages({ status: "failed", cursor });
      return { rows: images.map(failedRow), nextCursor };
    },
  },
  uncached: {
    title: "Missing faces",
    empty: "Every face that chats show is cached.",
    emptyBeforeSync: "No sync has succeeded yet, so the faces of your chats are not known.",
    columns: ["Whose", "Picture", "Status", "Reason"],
    readPage: async (cursor) => {
      const { references, nextCursor } = await listUncached({ cursor });
      return { rows: references.map(uncachedRow), nextCursor };
    },
  },
};

/** A table of pictures with a heading. `element` is its section of the view. */
export class ImageTable {
  #kind;
  #hasSynced = true;
  #body = element("tbody");
  /** @type {Map<string, Places>} The places that show a picture, by its URL. */
  #places = new Map();
  #note = element("p", { role: "status", className: "quiet-text" }, "Loading …");
  #more = element("button", { type: "button", className: "more", hidden: true }, "More");
  /** @type {Endless | null} */
  #endless = null;

  /** @param {keyof typeof KINDS} kind */
  constructor(kind) {
    this.#kind = KINDS[kind];
    const heads = [...this.#kind.columns, "Actions"].map((name) => element("th", { scope: "col" }, name));
    const table = element(
      "table",
      {},
      element("caption", { className: "unseen" }, this.#kind.title),
      element("thead", {}, element("tr", {}, ...heads)),
      this.#body,
    );
    const scroller = element(
      "div",
      { className: "scroller", tabIndex: 0, role: "region", aria: { label: this.#kind.title } },
      table,
    );
    this.element = element(
      "section",
      { className: "images" },
      element("h2", {}, this.#kind.title),
      scroller,
      this.#note,
      this.#more,
    );
  }

  /**
   * Loads the table from its beginning.
   *
   * @param {{ hasSynced: boolean }} options `hasSynced` is false before any sync has succeeded.
   */
  load({ hasSynced }) {
    this.#hasSynced = hasSynced;
    this.#endless?.stop();
    this.#endless = new Endless(this.#more, {
      fetchPage: (cursor) => this.#fetch(cursor),
      failed: (error) => this.#note.replaceChildren(errorNotice(error, () => this.load({ hasSynced }))),
    });
    return this.#endless.next();
  }

  /** @param {string | null} cursor */
  async #fetch(cursor) {
    const { rows, nextCursor } = await this.#kind.readPage(cursor);
    if (cursor === null) {
      this.#body.replaceChildren();
      this.#places.clear();
    }
    for (const row of rows) this.#add(row);
    this.#note.textContent = this.#noteText(this.#body.childElementCount, nextCursor !== null);
    return nextCursor;
  }

  /**
   * @param {number} count The number of rows that are shown.
   * @param {boolean} hasMore
   */
  #noteText(count, hasMore) {
    if (hasMore) return `${count} shown, and there are more`;
    if (count) return `${count} shown`;
    return this.#hasSynced ? this.#kind.empty : this.#kind.emptyBeforeSync;
  }

  /** @param {Row} row */
  #add({ sourceUrl, cells, place }) {
    if (!place || !sourceUrl) return this.#body.append(this.#row(sourceUrl, cells));
    const places = this.#places.get(sourceUrl) ?? new Places();
    places.add(place);
    if (this.#places.has(sourceUrl)) return;
    this.#places.set(sourceUrl, places);
    this.#body.append(this.#row(sourceUrl, [places.element, ...cells]));
  }

  /**
   * @param {string | null} sourceUrl
   * @param {Child[]} cells
   */
  #row(sourceUrl, cells) {
    const named = cells.map((cell, index) =>
      element("td", { data: { label: this.#kind.columns[index] } }, cell)
    );
    return element("tr", {}, ...named, element("td", { className: "actions" }, ...actions(sourceUrl)));
  }
}

const MOST_PLACES = 3;

/** The places that show a picture: the first three, and the number of the others. */
class Places {
  element = element("ul", { className: "places" });
  #others = element("li");
  #count = 0;

  /** @param {Node} place */
  add(place) {
    this.#count += 1;
    if (this.#count <= MOST_PLACES) return this.element.append(element("li", {}, place));
    this.#others.textContent = `and ${this.#count - MOST_PLACES} more`;
    this.element.append(this.#others);
  }
}

/**
 * @param {ImageRow} image
 * @returns {Row}
 */
function failedRow({ sourceUrl, reason, failedAt, nextAttemptAt }) {
  return {
    sourceUrl,
    cells: [
      source(sourceUrl),
      reasonText(reason),
      time(failedAt, ""),
      time(nextAttemptAt, "only on request"),
    ],
  };
}

/**
 * @param {Reference} reference
 * @returns {Row}
 */
function uncachedRow(reference) {
  const { chatId, sourceUrl, status, reason } = reference;
  const place = element("a", { href: chatAddress(chatId), dir: "auto" }, placeOf(reference));
  return { sourceUrl, place, cells: [source(sourceUrl), status, reasonText(reason)] };
}

/** @param {string | null} sourceUrl */
function actions(sourceUrl) {
  if (!sourceUrl) return [];
  const button = (
    /** @type {string} */ label,
    /** @type {(sourceUrl: string, button: HTMLButtonElement) => Promise<unknown>} */ act,
  ) =>
    element(
      "button",
      {
        type: "button",
        onclick: (event) => act(sourceUrl, /** @type {HTMLButtonElement} */ (event.currentTarget)),
        aria: { label: `${label} ${shortUrl(sourceUrl)}` },
      },
      label,
    );
  return [button("Explain", explainImage), button("Retry", retryImage), button("Forget", forgetImage)];
}

/** @param {string | null} url */
function source(url) {
  return url ? element("code", { title: url.slice(0, 500), dir: "ltr" }, shortUrl(url)) : "unknown";
}

/**
 * Shortens a URL to its scheme and its end, which differs from picture to picture. A `data:` URL is cut at its end
 * instead, where it has only encoded bytes.
 *
 * @param {string} url
 * @returns {string} At most 45 characters.
 */
export function shortUrl(url) {
  if (url.startsWith("data:")) return `${url.slice(0, 24)}…`;
  const scheme = url.match(/^[a-z]+:/i)?.[0] ?? "";
  return url.length > 44 ? `${scheme}…${url.slice(-34)}` : url;
}

/** @param {string | null} reason */
function reasonText(reason) {
  return reason ? element("span", { className: "reason" }, reason.replaceAll("_", " ")) : "";
}

/**
 * Returns whose picture is missing, and in which chat.
 *
 * @param {Pick<Reference, "fullName" | "participantId" | "source" | "chatTitle">} reference
 * @returns {string}
 */
export function placeOf({ fullName, participantId, source, chatTitle }) {
  const chat = chatTitle ?? "an unnamed chat";
  if (!participantId) return `${chat} (the chat itself)`;
  const owner = fullName ?? "an unnamed member";
  const place = owner === chatTitle ? owner : `${owner} in ${chat}`;
  return source === "contact" ? `${place} (contact)` : place;
}

/**
 * @param {string | null} iso
 * @param {string} otherwise The text if there is no moment.
 */
function time(iso, otherwise) {
  return iso ? element("time", { dateTime: iso, title: exact(iso) }, ago(iso)) : otherwise;
}
