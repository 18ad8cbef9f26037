// Reads the pages of a shown list again and again, so that it learns what is new while the reader looks at it.

import { isOwnComputer } from "./connect.js";
import { longerWait, LONGEST_WAIT_MS } from "./waits.js";

/** @import { Chats } from "./answers.d.ts" */

// On AWS each request costs the owner something. On the reader's own computer it costs nothing.
const INTERVAL_MS = 10_000;
const AT_HOME_MS = 3_000;
// A tab that nobody uses may be visible for months.
const UNUSED_AFTER_MS = 300_000;
const INPUTS = ["pointermove", "pointerdown", "keydown", "wheel", "touchmove"];

/**
 * Watches the pages of a list, each known by its cursor. Every ten seconds the first page is read again, and one of the
 * others in turn: every three seconds at home, ever more rarely after errors, and never while the tab is hidden. A tab
 * that nobody has used for five minutes reads every five minutes, and at once when it is used again.
 */
export class Live {
  #readPage;
  #show;
  /** @type {string[]} The cursors of the pages after the first one. */
  #others = [];
  #next = 0;
  #isRunning = false;
  #isReading = false;
  #run = 0;
  #usedAt = performance.now();
  #readAt = 0;
  #hasFailed = false;
  #wait = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {(cursor: string | null) => Promise<Chats>} readPage
   * @param {(page: Chats, cursor: string | null) => void} show Called with each page that was read again.
   */
  constructor(readPage, show) {
    this.#readPage = readPage;
    this.#show = show;
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "visible") return;
      this.#noteUse();
      if (!this.#isReading) this.#schedule();
    });
    for (const type of INPUTS) addEventListener(type, () => this.#noteUse(), { passive: true });
  }

  /** Notes that the tab is used. What it shows may be old then, unless errors are the reason for that. */
  #noteUse() {
    this.#usedAt = performance.now();
    const isLate = this.#usedAt - this.#readAt > this.#interval();
    if (this.#isRunning && isLate && !this.#hasFailed) this.#readAll();
  }

  /**
   * Watches a page that is shown now.
   *
   * @param {string | null} cursor Null is the first page, which makes this another list.
   */
  watch(cursor) {
    if (cursor === null) this.forget();
    else if (!this.#others.includes(cursor)) this.#others.push(cursor);
    this.#wait = this.#interval();
    this.#readAt = performance.now();
    this.#isRunning = true;
    this.#schedule();
  }

  /** Reads again from now on, and at once, if a list is watched. */
  resume() {
    if (!this.#run) return;
    this.#isRunning = true;
    this.#readAll();
  }

  /** Stops reading until `resume` is called. */
  pause() {
    this.#isRunning = false;
    clearTimeout(this.#timer);
  }

  /** Stops watching all pages. What is being read is not shown. */
  forget() {
    this.pause();
    this.#run += 1;
    this.#others = [];
  }

  #interval() {
    if (isOwnComputer()) return AT_HOME_MS;
    const isUsed = performance.now() - this.#usedAt < UNUSED_AFTER_MS;
    return isUsed ? INTERVAL_MS : LONGEST_WAIT_MS;
  }

  #schedule() {
    clearTimeout(this.#timer);
    if (this.#isRunning) this.#timer = setTimeout(() => this.#readAll(), this.#wait);
  }

  async #readAll() {
    if (this.#isReading || document.visibilityState !== "visible") return; // It goes on when the tab is visible.
    this.#isReading = true;
    this.#readAt = performance.now();
    const run = this.#run;
    try {
      for (const cursor of this.#due()) {
        const page = await this.#readPage(cursor);
        if (run !== this.#run || !this.#isRunning) break;
        this.#show(page, cursor);
      }
      this.#hasFailed = false;
      this.#wait = this.#interval();
    } catch {
      this.#hasFailed = true;
      this.#wait = longerWait(this.#wait);
    }
    this.#isReading = false;
    this.#schedule();
  }

  /** @returns {(string | null)[]} The first page, and one of the others. */
  #due() {
    if (!this.#others.length) return [null];
    this.#next = (this.#next + 1) % this.#others.length;
    return [null, this.#others[this.#next]];
  }
}
