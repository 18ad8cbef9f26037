// Failed images, or faces that are missing → a table with what can be done about each.

import { listImages, listUncached } from "./api.js";
import { element } from "./element.js";
import { Endless } from "./endless.js";
import { forgetImage, retryImage, tellStory } from "./image_actions.js";
import { ago, exact } from "./moments.js";
import { errorNotice } from "./notice.js";

const KINDS = {
  failed: {
    title: "Failed pictures",
    empty: "No picture has failed.",
    columns: ["Picture", "Reason", "Failed", "Next try"],
    page: async (cursor) => {
      const { images, nextCursor } = await listImages({ status: "failed", cursor });
      return { rows: images, nextCursor };
    },
    cells: (row) => [
      source(row.sourceUrl),
      reason(row.reason),
      time(row.failedAt),
      time(row.nextAttemptAt, "not by itself"),
    ],
  },
  uncached: {
    title: "Missing faces",
    empty: "Every face that chats show is cached.",
    columns: ["Whose", "Picture", "Status", "Reason"],
    page: async (cursor) => {
      const { references, nextCursor } = await listUncached({ cursor });
      return { rows: references, nextCursor };
    },
    cells: (row) => [whose(row), source(row.sourceUrl), row.status, reason(row.reason)],
  },
};

export class ImageTable {
  #kind;
  #body = element("tbody");
  #note = element("p", { role: "status", className: "quiet-text" }, "Loading …");
  #more = element("button", { type: "button", className: "more", hidden: true }, "More");
  #endless = null;

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

  /** From the beginning. */
  load() {
    this.#endless?.stop();
    this.#endless = new Endless(this.#more, {
      fetchPage: (cursor) => this.#fetch(cursor),
      failed: (error) => this.#note.replaceChildren(errorNotice(error, () => this.load())),
    });
    return this.#endless.next();
  }

  async #fetch(cursor) {
    const { rows, nextCursor } = await this.#kind.page(cursor);
    if (cursor === null) this.#body.replaceChildren();
    this.#body.append(...rows.map((row) => this.#row(row)));
    const count = this.#body.childElementCount;
    this.#note.textContent =
      count || nextCursor ? `${count} shown${nextCursor ? ", there are more" : ""}` : this.#kind.empty;
    return nextCursor;
  }

  #row(row) {
    const named = this.#kind
      .cells(row)
      .map((cell, at) => element("td", { data: { label: this.#kind.columns[at] } }, cell));
    return element("tr", {}, ...named, element("td", { className: "actions" }, ...actions(row.sourceUrl)));
  }
}

function actions(sourceUrl) {
  if (!sourceUrl) return [];
  const offered = [
    ["Explain", tellStory],
    ["Retry", retryImage],
    ["Forget", forgetImage],
  ];
  return offered.map(([label, act]) => {
    const onclick = (event) => act(sourceUrl, event.currentTarget);
    return element(
      "button",
      { type: "button", onclick, aria: { label: `${label} ${short(sourceUrl)}` } },
      label,
    );
  });
}

function source(url) {
  return url ? element("code", { title: url.slice(0, 500), dir: "ltr" }, short(url)) : "unknown";
}

/** Its end tells pictures apart; a data: URL has no end worth reading. */
function short(url) {
  if (url.startsWith("data:")) return `${url.slice(0, 24)}…`;
  const scheme = url.match(/^[a-z]+:/i)?.[0] ?? "";
  return url.length > 44 ? `${scheme}…${url.slice(-34)}` : url;
}

function reason(name) {
  return name ? element("span", { className: "reason" }, name.replaceAll("_", " ")) : "";
}

function whose({ fullName, participantId, chatId, source: from }) {
  const person = fullName ?? (participantId ? "somebody" : "the chat itself");
  const name = from === "contact" ? `${person} (contact)` : person;
  return element("a", { href: `#/chat/${encodeURIComponent(chatId)}`, dir: "auto" }, name);
}

function time(iso, otherwise = "") {
  return iso ? element("time", { dateTime: iso, title: exact(iso) }, ago(iso)) : otherwise;
}
