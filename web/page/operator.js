// Shows what the cache holds, which pictures are missing and why, and what can be done about it.

import { readStats } from "./api.js";
import { connection, disconnectButton } from "./connect.js";
import { confirmed } from "./dialog.js";
import { element } from "./element.js";
import { ImageTable } from "./image_table.js";
import { JobPanel } from "./jobs.js";
import { errorNotice } from "./notice.js";
import { statCards } from "./stats.js";

/** @import { ApiError } from "./api.js" */

/** The operator's view. `element` is the view, and `heading` takes the focus when it opens. */
export class OperatorView {
  #cards = element("div", { className: "stats", aria: { busy: "true" } });
  #failed = new ImageTable("failed");
  #uncached = new ImageTable("uncached");
  #tables = element("div", { hidden: true });
  #connection = element("div");
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
      this.#connection,
    );
    this.#tables.append(this.#failed.element, this.#uncached.element);
  }

  open() {
    document.title = "Operator · Chats";
    scrollTo(0, 0);
    this.#isOpen = true;
    this.#refresh();
    this.#offerEnd();
  }

  close() {
    this.#isOpen = false;
  }

  /** Shows a button that disconnects Beeper, if the reader has connected it in this page. */
  async #offerEnd() {
    if ((await connection())?.account !== "connected") return;
    const text =
      "This page then shows made-up chats. Your chats and pictures stay on this computer, and are shown again " +
      "when you connect Beeper again.";
    const confirm = () => confirmed("Disconnect Beeper?", text, "Disconnect it");
    this.#connection.replaceChildren(disconnectButton(confirm));
  }

  async #refresh() {
    if (!this.#isOpen) return;
    try {
      const stats = await readStats();
      this.#cards.replaceChildren(...statCards(stats));
      this.#cards.ariaBusy = "false";
      const hasSynced = stats.lastSync.succeededAt !== null;
      await Promise.all([this.#failed.load({ hasSynced }), this.#uncached.load({ hasSynced })]);
      this.#tables.hidden = false; // Both appear together; the first table alone would push the second one down.
    } catch (error) {
      this.#cards.replaceChildren(errorNotice(/** @type {ApiError} */ (error), () => this.#refresh()));
    }
  }
}
