// Asks again for pages of chats that had pictures on their way when they were read.

import { FIRST_WAIT_MS, longerWait } from "./waits.js";

/** @import { Chat, Chats } from "./answers.d.ts" */

/**
 * Watches pages of chats, each known by its cursor. A page is read again, ever more rarely, until none of its pictures
 * is pending.
 */
export class Pending {
  #readPage;
  #update;
  /** @type {Set<string | null>} */
  #cursors = new Set();
  #wait = FIRST_WAIT_MS;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {(cursor: string | null) => Promise<Chats>} readPage
   * @param {(chats: Chat[]) => void} update Called with the chats of a page that was read again.
   */
  constructor(readPage, update) {
    this.#readPage = readPage;
    this.#update = update;
  }

  /**
   * Watches a page if any of its pictures is pending, and stops watching it otherwise.
   *
   * @param {Chat[]} chats
   * @param {string | null} cursor
   */
  watch(chats, cursor) {
    if (chats.some(hasPendingPicture)) this.#cursors.add(cursor);
    else this.#cursors.delete(cursor);
    this.resume();
  }

  /** Reads again from now on, if any page is watched. */
  resume() {
    clearTimeout(this.#timer);
    if (this.#cursors.size) this.#timer = setTimeout(() => this.#readAll(), this.#wait);
  }

  /** Stops reading until `resume` is called. */
  pause() {
    clearTimeout(this.#timer);
  }

  /** Stops watching all pages. */
  forget() {
    this.pause();
    this.#cursors.clear();
    this.#wait = FIRST_WAIT_MS;
  }

  async #readAll() {
    this.#wait = longerWait(this.#wait);
    if (document.visibilityState === "visible") {
      await Promise.all([...this.#cursors].map((cursor) => this.#readAgain(cursor)));
    }
    this.resume();
  }

  /** @param {string | null} cursor */
  async #readAgain(cursor) {
    const page = await this.#readPage(cursor).catch(() => null); // The next attempt may succeed.
    if (!page || !this.#cursors.has(cursor)) return;
    this.#update(page.chats);
    this.watch(page.chats, cursor);
  }
}

/** @param {Chat} chat */
function hasPendingPicture({ image, facepile = [] }) {
  return [image, ...facepile].some(({ status }) => status === "pending");
}
