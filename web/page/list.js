// Shows the list of chats with their faces, newest first; in the inbox, the pinned chats come first.

import { readStatus } from "./api.js";
import { ChatCard } from "./card.js";
import { element } from "./element.js";
import { Endless } from "./endless.js";
import { Live } from "./live.js";
import { period } from "./moments.js";
import { errorNotice, notice } from "./notice.js";
import { noChatsText } from "./origin.js";
import { PAGE_SIZE, PINNED_FIRST, readPage } from "./pages.js";
import { Pending } from "./pending.js";
import { Search } from "./search.js";
import { arrange, hasGap, makeSection, newestActivity, renewed } from "./sections.js";
import { FIRST_WAIT_MS, longerWait } from "./waits.js";

/** @import { ApiError } from "./api.js" */
/** @import { Chat, Chats } from "./answers.d.ts" */

/**
 * @typedef {object} Filter
 * @property {string} label
 * @property {boolean} isDivided True if the list is divided into periods. The chats of the other filters are few and
 *   far between, so that nearly every one of them would have a heading of its own.
 * @property {{ title: string, text: string } | null} empty What an empty list says; null if only an account without
 *   any chats is empty.
 */

/** @type {Record<string, Filter>} */
const FILTERS = {
  inbox: { label: "Inbox", isDivided: true, empty: null },
  unread: {
    label: "Unread",
    isDivided: true,
    empty: { title: "Nothing unread", text: "You have read every message." },
  },
  groups: {
    label: "Groups",
    isDivided: false,
    empty: { title: "No groups", text: "Chats with several people appear here." },
  },
  pinned: {
    label: "Pinned",
    isDivided: false,
    empty: {
      title: "Nothing pinned",
      text: "Pin a chat in Beeper, and it appears here after the next sync.",
    },
  },
  "low-priority": {
    label: "Low priority",
    isDivided: true,
    empty: { title: "Nothing of low priority", text: "Chats that have low priority in Beeper appear here." },
  },
  archived: {
    label: "Archived",
    isDivided: true,
    empty: { title: "Nothing archived", text: "Chats that are archived in Beeper appear here." },
  },
  all: { label: "All", isDivided: true, empty: null },
};

const NOTHING_FOUND = {
  title: "Nothing found",
  text: "No chat of this list has this name. The filter All searches archived chats, too.",
};

/** The list of chats. `element` is the view, and `heading` its heading. */
export class ListView {
  /** @type {string | null} */
  #filter = null;
  /** @type {Map<string, ChatCard>} The cards by chatId: a chat that moves while pages are read is shown once. */
  #cards = new Map();
  #isOpen = false;
  #scroll = 0;
  /** @type {HTMLElement | null} The link of the chat that was opened from here. */
  #opened = null;
  /** @type {Endless | null} */
  #endless = null;
  #pending = new Pending(
    (cursor) => this.#readPage(cursor),
    (chats) => this.#update(chats),
  );
  /** @type {Chats | null} The first page, if its chats have not taken their places yet. */
  #newest = null;
  /** When the newest chat that has its place was active (ms since 1970). */
  #knownUntil = -Infinity;
  #live = new Live((cursor) => this.#readPage(cursor), (page, cursor) => this.#renew(page, cursor));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #emptyWait = FIRST_WAIT_MS;
  #body = element("div", { className: "periods" });
  #status = element("p", { className: "unseen", role: "status" });
  #more = element("button", { type: "button", className: "more", hidden: true }, "Older chats");
  #search = new Search(() => this.refresh());
  #filters = element("nav", { className: "filters", aria: { label: "Filter" } });

  constructor() {
    this.heading = element("h1", { tabIndex: -1 }, "Chats");
    const top = element("div", { className: "view-top" }, this.heading, this.#search.element, this.#filters);
    this.element = element("section", { className: "list-view" }, top, this.#status, this.#body, this.#more);
    for (const [filter, { label }] of Object.entries(FILTERS)) {
      this.#filters.append(element("a", { href: `#/?filter=${filter}`, data: { filter } }, label));
    }
    addEventListener("scroll", () => {
      if (this.#isOpen && this.#newest && scrollY === 0) this.#renew(this.#newest, null);
    }, { passive: true });
    this.#body.onclick = (event) => {
      this.#opened = /** @type {Element} */ (event.target).closest("a") ?? this.#opened;
    };
  }

  /**
   * Shows the chats of a filter. A reader who returns from another view finds the list as they left it: with the pages
   * that were loaded, its scroll position, and the focus on the chat that was opened.
   *
   * @param {{ filter: string }} route An unknown filter means the inbox.
   */
  open({ filter }) {
    const wanted = Object.hasOwn(FILTERS, filter) ? filter : "inbox";
    const isReturn = wanted === this.#filter && !this.#isOpen && this.#cards.size > 0;
    this.#isOpen = true;
    this.#filter = wanted;
    document.title = `${FILTERS[wanted].label} · Chats`;
    this.#markFilter(wanted);
    if (!isReturn) return this.refresh();
    scrollTo(0, this.#scroll);
    this.#opened?.focus({ preventScroll: true });
    this.#pending.resume();
    this.#live.resume();
  }

  close() {
    this.#isOpen = false;
    this.#scroll = scrollY;
    this.#pending.pause();
    this.#live.pause();
    clearTimeout(this.#timer);
  }

  /** Reads the list again from its beginning. */
  refresh() {
    scrollTo(0, 0);
    this.#load();
  }

  /**
   * Marks a filter as the one that is shown, and brings it into view where there is no room for all filters.
   *
   * @param {string} filter
   */
  #markFilter(filter) {
    for (const link of this.#filters.querySelectorAll("a")) {
      const isShown = link.dataset.filter === filter;
      link.ariaCurrent = isShown ? "page" : null;
      if (isShown) this.#bringIntoView(link);
    }
  }

  /**
   * Scrolls the filters, and nothing else, until a filter is in their middle. `scrollIntoView` would make the Tab key go
   * on from there, past the link that skips to the content.
   *
   * @param {HTMLElement} link
   */
  #bringIntoView(link) {
    const left = link.offsetLeft - this.#filters.offsetLeft;
    this.#filters.scrollLeft = left - (this.#filters.clientWidth - link.offsetWidth) / 2;
  }

  #load() {
    clearTimeout(this.#timer);
    this.#emptyWait = FIRST_WAIT_MS;
    this.#endless?.stop();
    this.#pending.forget();
    this.#live.forget();
    this.#newest = null;
    this.#cards.clear();
    this.#opened = null;
    this.#body.replaceChildren(skeleton());
    const endless = new Endless(this.#more, {
      fetchPage: async (cursor) => {
        const page = await this.#readPage(cursor);
        if (endless !== this.#endless) return null; // Another list was opened in the meantime.
        this.#show(page.chats, cursor);
        return page.nextCursor;
      },
      failed: (error) => this.#fail(error),
    });
    this.#endless = endless;
    endless.next();
  }

  /**
   * @param {string | null} cursor
   * @returns {Promise<Chats>}
   */
  #readPage(cursor) {
    return readPage(this.#filter ?? "inbox", cursor, this.#search.narrowing);
  }

  /**
   * @param {Chat[]} chats
   * @param {string | null} cursor The cursor of their page.
   */
  #show(chats, cursor) {
    if (cursor === null) {
      this.#body.replaceChildren();
      this.#knownUntil = newestActivity(chats);
    }
    this.#body.querySelector(".notice")?.remove();
    for (const chat of chats) {
      if (this.#cards.has(chat.chatId)) continue;
      const card = new ChatCard(chat);
      this.#cards.set(chat.chatId, card);
      const isFirst = chat.isPinned && cursor === null && this.#filter === PINNED_FIRST;
      this.#sectionList(this.#sectionName(chat, isFirst)).append(card.element);
    }
    this.#pending.watch(chats, cursor);
    this.#sayCount();
    if (!this.#cards.size) return void this.#showEmpty();
    this.#live.watch(cursor);
    if (!this.#isOpen) this.#live.pause(); // Another view was opened while this page was read.
  }

  #sayCount() {
    const count = this.#cards.size;
    const text = `${this.#shownFilter().label}: ${count} ${count === 1 ? "chat" : "chats"} shown`;
    if (this.#status.textContent !== text) this.#status.textContent = text; // Or it would be announced again.
  }

  /** @param {Chat[]} chats */
  #update(chats) {
    for (const chat of chats) this.#cards.get(chat.chatId)?.update(chat);
  }

  /**
   * Shows what is new on a page that was read again. The first page says which chats are the newest; they take their
   * places when the reader is at the top of the list, so that nothing moves below their eyes.
   *
   * @param {Chats} page
   * @param {string | null} cursor
   */
  #renew(page, cursor) {
    this.#update(page.chats);
    if (cursor !== null) return;
    this.#newest = scrollY > 0 ? page : null;
    if (this.#newest) return;
    if (hasGap(page, this.#knownUntil, PAGE_SIZE)) return this.#load(); // For example after a week in a hidden tab.
    this.#knownUntil = newestActivity(page.chats);
    const isPinnedFirst = this.#filter === PINNED_FIRST;
    const shown = [...this.#cards.values()].map(({ chat }) => chat);
    const chats = renewed(shown, page, isPinnedFirst);
    if (!chats.length) return this.#load();
    const before = this.#cards;
    this.#cards = new Map(chats.map((chat) => [chat.chatId, before.get(chat.chatId) ?? new ChatCard(chat)]));
    /** @type {Map<string, HTMLElement[]>} */
    const sections = new Map();
    for (const { chat, element: item } of this.#cards.values()) {
      const name = this.#sectionName(chat, isPinnedFirst && chat.isPinned);
      sections.set(name, [...(sections.get(name) ?? []), item]);
    }
    const { isDivided } = this.#shownFilter();
    arrange(this.#body, [...sections].map(([name, items]) => ({ name, items })), isDivided);
    this.#sayCount();
  }

  #shownFilter() {
    return FILTERS[this.#filter ?? "inbox"];
  }

  /**
   * Returns the name of the section that a chat belongs into.
   *
   * @param {Chat} chat
   * @param {boolean | undefined} isFirst Whether it stands above the others.
   */
  #sectionName(chat, isFirst) {
    const { label, isDivided } = this.#shownFilter();
    if (isFirst) return "Pinned";
    return isDivided ? period(chat.lastActivity) : label;
  }

  /**
   * Returns the list of a section: the last one, or a new one where another section begins.
   *
   * @param {string} name
   * @returns {Element}
   */
  #sectionList(name) {
    const last = this.#body.lastElementChild;
    if (last instanceof HTMLElement && last.dataset.period === name && last.lastElementChild) {
      return last.lastElementChild;
    }
    const { section, list } = makeSection(name, this.#shownFilter().isDivided);
    this.#body.append(section);
    return list;
  }

  /** Shows why the list is empty, and reads it again until there are chats. */
  async #showEmpty() {
    const endless = this.#endless;
    const empty = this.#search.isActive ? NOTHING_FOUND : this.#shownFilter().empty;
    const status = empty ? null : await readStatus().catch(() => null);
    if (endless !== this.#endless || this.#cards.size) return; // Another list was opened in the meantime.
    const { title, text } = empty ??
      { title: "No chats yet", text: noChatsText(status?.origin ?? null, status?.agent) };
    if (this.#body.querySelector(".notice p")?.textContent !== text) {
      this.#body.replaceChildren(notice(title, text, { label: "Look again", run: () => this.#load() }));
    }
    if (!this.element.isConnected) return;
    clearTimeout(this.#timer);
    this.#waitForChats();
  }

  #waitForChats() {
    this.#timer = setTimeout(() => this.#readEmptyAgain(), this.#emptyWait);
    this.#emptyWait = longerWait(this.#emptyWait);
  }

  /** Reads an empty list again without any sign of it, ever more rarely, until there are chats. */
  async #readEmptyAgain() {
    if (document.visibilityState !== "visible") return this.#waitForChats();
    const endless = this.#endless;
    const page = await this.#readPage(null).catch(() => null);
    if (endless !== this.#endless || !this.element.isConnected) return;
    if (page?.chats.length) this.#load();
    else this.#showEmpty();
  }

  /** @param {ApiError} error */
  #fail(error) {
    const again = () => (this.#cards.size ? this.#endless?.next() : this.#load());
    if (this.#cards.size === 0) this.#body.replaceChildren();
    this.#body.querySelector(".notice")?.remove();
    this.#body.append(errorNotice(error, again));
    this.#status.textContent = error.message;
  }
}

/** Makes empty cards that take up the place of a page of chats until it is there. */
function skeleton() {
  const rows = Array.from({ length: 12 }, () => element("li", { className: "card" }));
  return element("ul", { className: "cards skeleton", aria: { hidden: "true" } }, ...rows);
}
