// Draws the figures of /api/stats as cards.

import { element } from "./element.js";
import { ago, exact } from "./moments.js";

/** @import { Account, Origin, Stats } from "./answers.d.ts" */
/** @import { Child } from "./element.js" */

const WHOLE = new Intl.NumberFormat("en-GB");
const UNITS = ["bytes", "kB", "MB", "GB", "TB"];

/** @type {Record<Origin["state"], string>} */
const ORIGIN_STATES = {
  ok: "Connected",
  offline: "Offline",
  unauthorized: "Token refused",
  unknown: "Not asked yet",
};

/**
 * Makes the cards.
 *
 * @param {Stats} stats
 * @returns {HTMLElement[]}
 */
export function statCards(stats) {
  const { deduplication, lastSync, origin } = stats;
  const references = WHOLE.format(deduplication.references);
  const images = WHOLE.format(deduplication.images);
  return [
    card("Pictures cached", WHOLE.format(stats.totalCachedImages), cachedDetail(stats)),
    card("Storage", bytes(stats.totalStorageBytes), storageDetail(stats)),
    card(
      "Downloads saved",
      WHOLE.format(deduplication.downloadsSaved),
      `${references} faces shown from ${images} pictures`,
    ),
    card(
      "Bytes saved",
      bytes(deduplication.bytesSaved),
      `${WHOLE.format(deduplication.blobs)} different contents`,
    ),
    card(
      "On their way",
      WHOLE.format(stats.pending),
      stats.pending ? "queued or being fetched" : "nothing is waiting",
    ),
    card("Failed", WHOLE.format(stats.failed), failedDetail(stats), stats.failed ? "warn" : ""),
    card(
      "Last sync",
      time(lastSync.succeededAt),
      lastSync.completedAt ? `of all chats: ${ago(lastSync.completedAt)}` : "not yet of all chats",
    ),
    card(
      "Beeper",
      ORIGIN_STATES[origin.state],
      beeperDetail(stats),
      origin.state === "ok" ? "good" : "warn",
    ),
    ...accountCards(stats),
  ];
}

/**
 * Makes a card for each account that needs a person.
 *
 * @param {Pick<Stats, "accounts">} stats
 * @returns {HTMLElement[]}
 */
function accountCards({ accounts }) {
  const inNeed = accounts.filter((account) => account.needsPerson);
  return inNeed.map((account) =>
    card(account.network ?? account.accountId, capitalised(account.text), accountDetail(account), "warn")
  );
}

/**
 * Returns when Beeper was asked last, and how many of the owner's accounts it has.
 *
 * @param {Pick<Stats, "origin" | "accounts">} stats
 * @returns {string}
 */
export function beeperDetail({ origin, accounts }) {
  const facts = [];
  if (origin.checkedAt) facts.push(`asked ${ago(origin.checkedAt)}`);
  if (accounts.length > 0) facts.push(accounts.length === 1 ? "1 account" : `${accounts.length} accounts`);
  return facts.join("; ");
}

/**
 * Returns since when an account needs a person, how many pictures wait, and what to do.
 *
 * @param {Pick<Account, "since" | "waiting" | "advice">} account
 * @returns {string}
 */
export function accountDetail({ since, waiting, advice }) {
  const facts = [];
  if (since) facts.push(`since ${exact(since)}`);
  if (waiting !== null) facts.push(waiting === 1 ? "1 face waits" : `${WHOLE.format(waiting)} faces wait`);
  return [facts.join(", "), advice].filter(Boolean).join(". ");
}

/** @param {string} text */
function capitalised(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * Formats a number of bytes in decimal units, for example "1.2 MB".
 *
 * @param {number} count
 * @returns {string}
 */
export function bytes(count) {
  let power = 0;
  let amount = count;
  while (amount >= 1000 && power < UNITS.length - 1) {
    amount /= 1000;
    power += 1;
  }
  const digits = power > 0 && amount < 10 ? 1 : 0;
  return `${amount.toFixed(digits)} ${UNITS[power]}`;
}

/**
 * Returns in how many chats the cached pictures are shown, and how many are shown by none.
 *
 * @param {Pick<Stats, "totalChatsWithImages" | "orphaned">} stats
 * @returns {string}
 */
export function cachedDetail({ totalChatsWithImages, orphaned }) {
  const chats = `in ${WHOLE.format(totalChatsWithImages)} chats`;
  return orphaned ? `${chats}; ${WHOLE.format(orphaned)} in no chat` : chats;
}

/**
 * Returns what the bytes of the card "Storage" count.
 *
 * @param {Pick<Stats, "storage">} stats
 * @returns {string}
 */
export function storageDetail({ storage }) {
  if (storage.servedBytes === null) return "originals, each stored once";
  return `originals; pages load from ${bytes(storage.servedBytes)}`;
}

/**
 * Returns how many pictures have failed for each reason.
 *
 * @param {Pick<Stats, "failedByReason">} stats
 * @returns {string}
 */
export function failedDetail({ failedByReason }) {
  const counts = Object.entries(failedByReason).map(
    ([reason, count]) => `${count} ${reason.replaceAll("_", " ")}`,
  );
  return counts.join(", ") || "nothing has failed";
}

/**
 * @param {string} label
 * @param {Child} value
 * @param {string} detail
 * @param {"" | "good" | "warn"} [tone] The colour of the value.
 */
function card(label, value, detail, tone = "") {
  return element(
    "div",
    { className: `stat ${tone}` },
    element("h2", {}, label),
    element("p", { className: "value" }, value),
    element("p", { className: "detail" }, detail),
  );
}

/** @param {string | null} iso */
function time(iso) {
  return iso ? element("time", { dateTime: iso, title: exact(iso) }, ago(iso)) : "never";
}
