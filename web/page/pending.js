// Pictures that were still on their way when a page of chats was read: those pages are asked for again.

const FIRST_WAIT_MS = 3_000;
const LONGEST_WAIT_MS = 60_000;

export class Pending {
  #ask;
  #update;
  #cursors = new Set();
  #wait = FIRST_WAIT_MS;
  #timer = 0;

  /** `ask(cursor)` resolves to a page; `update(chats)` is told what it holds now. */
  constructor(ask, update) {
    this.#ask = ask;
    this.#update = update;
  }

  /** The page of this cursor, if anything in it is pending. */
  watch(chats, cursor) {
    if (chats.some(isPending)) this.#cursors.add(cursor);
    else this.#cursors.delete(cursor);
    this.resume();
  }

  resume() {
    clearTimeout(this.#timer);
    if (this.#cursors.size) this.#timer = setTimeout(() => this.#look(), this.#wait);
  }

  pause() {
    clearTimeout(this.#timer);
  }

  forget() {
    this.pause();
    this.#cursors.clear();
    this.#wait = FIRST_WAIT_MS;
  }

  async #look() {
    this.#wait = Math.min(this.#wait * 1.5, LONGEST_WAIT_MS);
    if (document.visibilityState === "visible")
      await Promise.all([...this.#cursors].map((one) => this.#lookAt(one)));
    this.resume();
  }

  async #lookAt(cursor) {
    const page = await this.#ask(cursor).catch(() => null); // the next look may succeed
    if (!page || !this.#cursors.has(cursor)) return;
    this.#update(page.chats);
    this.watch(page.chats, cursor);
  }
}

function isPending({ image, facepile }) {
  return [image, ...facepile].some(({ status }) => status === "pending");
}
