// What the cache holds, what is missing and why, and what can be done about it.

import { readStats } from "./api.js";
import { element } from "./element.js";
import { ImageTable } from "./image_table.js";
import { JobPanel } from "./jobs.js";
import { errorNotice } from "./notice.js";
import { statCards } from "./stats.js";

export class OperatorView {
  #cards = element("div", { className: "stats", aria: { busy: "true" } });
  #failed = new ImageTable("failed");
  #uncached = new ImageTable("uncached");
  #tables = element("div", { hidden: true });
  #jobs = new JobPanel(() => this.#refresh());
  #isOpen = false;

  constructor() {
    this.heading = element("h1", { tabIndex: -1 }, "Operator");
    const top = element("div", { className: "view-top" }, this.heading, this.#jobs.buttons);
    this.element = element(
      "section",
      { className: "operator-view" },
      top,
      this.#jobs.element,
      this.#cards,
      this.#tables,
    );
    this.#tables.append(this.#failed.element, this.#uncached.element);
  }

  open() {
    document.title = "Operator · Chats";
    scrollTo(0, 0);
    this.#isOpen = true;
    return this.#refresh();
  }

  close() {
    this.#isOpen = false;
  }

  async #refresh() {
    if (!this.#isOpen) return;
    try {
      const stats = await readStats();
      this.#cards.replaceChildren(...statCards(stats));
      this.#cards.ariaBusy = "false";
      await Promise.all([this.#failed.load(), this.#uncached.load()]);
      this.#tables.hidden = false; // both at once, or the first would push the second away
    } catch (error) {
      this.#cards.replaceChildren(errorNotice(error, () => this.#refresh()));
    }
  }
}
