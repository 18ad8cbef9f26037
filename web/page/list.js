// GET /api/chats → all chats with everybody's face, newest first, one request a page.

import { listChats } from "./api.js";
import { ChatCard } from "./card.js";
import { element } from "./element.js";
import { Endless } from "./endless.js";
import { period } from "./moments.js";
import { errorNotice, notice } from "./notice.js";
import { Pending } from "./pending.js";

const FILTERS = {
  inbox: "Inbox",
  unread: "Unread",
  groups: "Groups",
  pinned: "Pinned",
  archived: "Archived",
  all: "All",
};

const EMPTY = {
  inbox: ["No chats yet", "The first sync may still be running. This page looks again by itself."],
  unread: ["Nothing unread", "Everything has been read."],
  groups: ["No groups", "Chats with several people appear here."],
  pinned: ["Nothing pinned", "Pin a chat in Beeper, and it appears here after the next sync."],
  archived: ["Nothing archived", "Chats that are archived in Beeper appear here."],
  all: ["No chats yet", "The first sync may still be running. This page looks again by itself."],
};

const PAGE = 50;
const WHILE_EMPTY_MS = 3_000;

export class ListView {
  #filter = null;
  #cards = new Map(); // by chatId: a chat that moves while we read is shown once
  #scroll = 0;
  #left = null; // the chat that was opened from here
  #endless = null;
  #pending = new Pending(
    (cursor) => this.#ask(cursor),
    (chats) => chats.forEach((chat) => this.#cards.get(chat.chatId)?.update(chat)),
  );
  #timer = 0;
  #body = element("div", { className: "periods" });
  #status = element("p", { className: "unseen", role: "status" });
  #more = element("button", { type: "button", className: "more", hidden: true }, "Older chats");
  #filters = element("nav", { className: "filters", aria: { label: "Filter" } });

  constructor() {
    this.heading = element("h1", { tabIndex: -1 }, "Chats");
    const top = element("div", { className: "view-top" }, this.heading, this.#filters);
    this.element = element("section", { className: "list-view" }, top, this.#status, this.#body, this.#more);
    for (const [filter, label] of Object.entries(FILTERS)) {
      this.#filters.append(element("a", { href: `#/?filter=${filter}`, data: { filter } }, label));
    }
    this.#body.onclick = (event) => (this.#left = event.target.closest("a") ?? this.#left);
  }

  /** The same list again is as it was left: scrolled, loaded, and with the focus where it was. */
  open({ filter }) {
    const wanted = filter in FILTERS ? filter : "inbox";
    document.title = `${FILTERS[wanted]} · Chats`;
    if (wanted === this.#filter && this.#cards.size) {
      scrollTo(0, this.#scroll);
      this.#left?.focus({ preventScroll: true });
      this.#pending.resume();
      return;
    }
    this.#filter = wanted;
    for (const link of this.#filters.children)
      link.ariaCurrent = link.dataset.filter === wanted ? "page" : null;
    this.#load();
  }

  close() {
    this.#scroll = scrollY;
    this.#pending.pause();
    clearTimeout(this.#timer);
  }

  #load() {
    clearTimeout(this.#timer);
    this.#endless?.stop();
    this.#pending.forget();
    this.#cards.clear();
    this.#left = null;
    this.#body.replaceChildren(skeleton());
    const filter = this.#filter;
    this.#endless = new Endless(this.#more, {
      fetchPage: async (cursor) => {
        const page = await this.#ask(cursor);
        // Somebody was quicker and chose another filter.
        if (filter !== this.#filter) return null;
        this.#show(page.chats, cursor);
        return page.nextCursor;
      },
      failed: (error) => this.#fail(error),
    });
    this.#endless.next();
  }

  #ask(cursor) {
    return listChats({ limit: PAGE, participants: 0, filter: this.#filter, cursor });
  }

  #show(chats, cursor) {
    if (cursor === null) this.#body.replaceChildren();
    this.#body.querySelector(".notice")?.remove();
    for (const chat of chats) {
      if (this.#cards.has(chat.chatId)) continue;
      const card = new ChatCard(chat);
      this.#cards.set(chat.chatId, card);
      this.#listOf(period(chat.lastActivity)).append(card.element);
    }
    this.#pending.watch(chats, cursor);
    this.#say();
  }

  /** The last list, or a new one where another period begins. */
  #listOf(name) {
    const last = this.#body.lastElementChild;
    if (last?.dataset.period === name) return last.lastElementChild;
    const list = element("ul", { className: "cards", aria: { label: name } });
    this.#body.append(element("section", { data: { period: name } }, element("h2", {}, name), list));
    return list;
  }

  #say() {
    const count = this.#cards.size;
    this.#status.textContent = `${FILTERS[this.#filter]}: ${count} ${count === 1 ? "chat" : "chats"} shown`;
    if (count) return;
    const [title, text] = EMPTY[this.#filter];
    this.#body.replaceChildren(notice(title, text, ["Look again", () => this.#load()]));
    this.#timer = setTimeout(() => this.#lookAgain(), WHILE_EMPTY_MS);
  }

  /** Quietly, until there is something. */
  async #lookAgain() {
    const filter = this.#filter;
    const page = await this.#ask(null).catch(() => null);
    if (filter !== this.#filter || !this.element.isConnected) return;
    if (page?.chats.length) this.#load();
    else this.#timer = setTimeout(() => this.#lookAgain(), WHILE_EMPTY_MS);
  }

  #fail(error) {
    const again = () => (this.#cards.size ? this.#endless.next() : this.#load());
    if (this.#cards.size === 0) this.#body.replaceChildren();
    this.#body.querySelector(".notice")?.remove();
    this.#body.append(errorNotice(error, again));
    this.#status.textContent = error.message;
  }
}

/** What a page of chats will take up, before it is there. */
function skeleton() {
  const rows = Array.from({ length: 12 }, () => element("li", { className: "card" }));
  return element("ul", { className: "cards skeleton", aria: { hidden: "true" } }, ...rows);
}
