// Searches the list of chats for a part of a title, and restricts it to one account.

import { readAccounts } from "./api.js";
import { element } from "./element.js";

/** @import { AccountName } from "./answers.d.ts" */

/**
 * @typedef {object} Narrowing What the chats of a list must have in common, beside its filter.
 * @property {string | null} title A part of the title.
 * @property {string | null} accountId
 */

const TYPING_MS = 300;
const MOST_TITLE_CHARS = 200; // as the API has it

/** The search field of the list. `element` is the form, and `narrowing` what is searched for. */
export class Search {
  #title = element("input", {
    type: "search",
    placeholder: "Search chats",
    maxLength: MOST_TITLE_CHARS,
    autocomplete: "off",
    spellcheck: false,
    aria: { label: "Search chats by name" },
  });
  #account = element("select", { hidden: true, aria: { label: "Account" } });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {() => void} onChange Called when the list is to be read again. */
  constructor(onChange) {
    this.element = element("form", { className: "search", role: "search" }, this.#title, this.#account);
    const change = (/** @type {number} */ wait) => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(onChange, wait);
    };
    this.element.onsubmit = (event) => {
      event.preventDefault();
      change(0);
    };
    this.#title.oninput = () => change(TYPING_MS);
    this.#account.onchange = () => change(0);
    // Few readers search, so the accounts are requested when one begins to.
    this.#title.addEventListener("focus", () => this.#offerAccounts(), { once: true });
  }

  /** @returns {Narrowing} */
  get narrowing() {
    return { title: this.#title.value.trim() || null, accountId: this.#account.value || null };
  }

  get isActive() {
    const { title, accountId } = this.narrowing;
    return title !== null || accountId !== null;
  }

  async #offerAccounts() {
    const accounts = await readAccounts().catch(() => []);
    if (accounts.length < 2) return;
    const options = [["", "All accounts"], ...accountLabels(accounts)];
    this.#account.replaceChildren(...options.map(([value, label]) => element("option", { value }, label)));
    this.#account.hidden = false;
  }
}

/**
 * Returns the id and a label of each account, sorted by label. Accounts of one network are told apart by their ids.
 *
 * @param {AccountName[]} accounts
 * @returns {[string, string][]}
 */
export function accountLabels(accounts) {
  const names = accounts.map(({ accountId, network }) => network ?? accountId);
  const labelled = accounts.map(({ accountId }, index) => {
    const name = names[index];
    const isOnly = names.indexOf(name) === names.lastIndexOf(name);
    return /** @type {[string, string]} */ ([accountId, isOnly ? name : `${name} (${accountId})`]);
  });
  return labelled.sort(([, one], [, other]) => one.localeCompare(other));
}
