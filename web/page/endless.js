// Loads a list page by page, each page before the reader reaches the end of the list.

/** @typedef {string | null} Cursor Null is the first page as a request, and the end of the list as an answer. */

/** A list that grows while the reader scrolls, or when the button at its end is pressed. */
export class Endless {
  #more;
  #fetchPage;
  #failed;
  /** @type {Cursor} */
  #cursor = null;
  #isBusy = false;
  #isStopped = false;
  #observer;

  /**
   * @param {HTMLButtonElement} more The button at the end of the list: for the keyboard, and to try again after an error.
   * @param {object} callbacks
   * @param {(cursor: Cursor) => Promise<Cursor>} callbacks.fetchPage Shows a page and resolves to the next cursor.
   * @param {(error: any) => void} callbacks.failed Called with what `fetchPage` throws.
   */
  constructor(more, { fetchPage, failed }) {
    this.#more = more;
    this.#fetchPage = fetchPage;
    this.#failed = failed;
    more.onclick = () => this.next();
    // The next page is requested two screens ahead, so that the reader does not have to wait at the end.
    this.#observer = new IntersectionObserver(([entry]) => entry.isIntersecting && this.next(), {
      rootMargin: "0px 0px 200% 0px",
    });
  }

  /** Loads the next page, unless one is being loaded. */
  async next() {
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#observer.unobserve(this.#more);
    this.#more.ariaBusy = "true";
    // A visible button would be pushed down by the new page. But a button that was pressed must keep the focus.
    if (document.activeElement !== this.#more) this.#more.hidden = true;
    try {
      this.#cursor = await this.#fetchPage(this.#cursor);
      if (this.#cursor && !this.#isStopped) this.#observer.observe(this.#more);
    } catch (error) {
      if (!this.#isStopped) this.#failed(error);
    }
    this.#isBusy = false;
    if (this.#isStopped) return; // The button belongs to another list now.
    this.#more.hidden = this.#cursor === null;
    this.#more.ariaBusy = "false";
  }

  /** Loads no more pages, and leaves the button to another list. */
  stop() {
    this.#isStopped = true;
    this.#observer.disconnect();
    this.#more.hidden = true;
    this.#more.ariaBusy = "false";
  }
}
