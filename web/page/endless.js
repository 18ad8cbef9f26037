// A list that comes in pages: the next one is asked for before its end is reached.

/**
 * `more` is a button at the end of the list, which a keyboard can press and which asks again after an error.
 * `fetchPage(cursor)` resolves to the next cursor, null at the end; what it throws goes to `failed(error)`.
 */
export class Endless {
  #more;
  #fetchPage;
  #failed;
  #cursor = null;
  #isBusy = false;
  #nearness;

  constructor(more, { fetchPage, failed }) {
    this.#more = more;
    this.#fetchPage = fetchPage;
    this.#failed = failed;
    more.onclick = () => this.next();
    // Two screens ahead, so that somebody who scrolls sees no end.
    this.#nearness = new IntersectionObserver(([entry]) => entry.isIntersecting && this.next(), {
      rootMargin: "0px 0px 200% 0px",
    });
  }

  async next() {
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#nearness.unobserve(this.#more);
    this.#more.ariaBusy = "true";
    // Or what arrives would push it down in front of somebody's eyes. A button that was pressed keeps the focus.
    if (document.activeElement !== this.#more) this.#more.hidden = true;
    try {
      this.#cursor = await this.#fetchPage(this.#cursor);
      this.#more.hidden = this.#cursor === null;
      if (this.#cursor) this.#nearness.observe(this.#more);
    } catch (error) {
      this.#more.hidden = this.#cursor === null;
      this.#failed(error);
    } finally {
      this.#isBusy = false;
      this.#more.ariaBusy = "false";
    }
  }

  stop() {
    this.#nearness.disconnect();
    this.#more.hidden = true;
  }
}
