// GET /api/stats → cards.

import { element } from "./element.js";
import { ago, exact } from "./moments.js";

const WHOLE = new Intl.NumberFormat("en-GB");
const UNITS = ["bytes", "kB", "MB", "GB", "TB"];
const ORIGINS = {
  ok: "Connected",
  offline: "Offline",
  unauthorized: "Token refused",
  unknown: "Not asked yet",
};

export function statCards(stats) {
  const saved = stats.deduplication;
  const { origin, lastSync } = stats;
  return [
    card(
      "Pictures cached",
      WHOLE.format(stats.totalCachedImages),
      `in ${WHOLE.format(stats.totalChatsWithImages)} chats${unshown(stats.orphaned)}`,
    ),
    card("Storage", bytes(stats.totalStorageBytes), stored(stats.storage)),
    card(
      "Downloads saved",
      WHOLE.format(saved.downloadsSaved),
      `${WHOLE.format(saved.references)} faces shown from ${WHOLE.format(saved.images)} pictures`,
    ),
    card("Bytes saved", bytes(saved.bytesSaved), `${WHOLE.format(saved.blobs)} distinct contents`),
    card(
      "On their way",
      WHOLE.format(stats.pending),
      stats.pending ? "queued or being fetched" : "nothing is waiting",
    ),
    card(
      "Failed",
      WHOLE.format(stats.failed),
      reasons(stats.failedByReason) || "nothing has failed",
      stats.failed ? "warn" : "",
    ),
    card(
      "Last sync",
      moment(lastSync.succeededAt),
      lastSync.completedAt ? `everything: ${ago(lastSync.completedAt)}` : "never everything so far",
    ),
    card(
      "Beeper",
      ORIGINS[origin.state],
      origin.checkedAt ? `asked ${ago(origin.checkedAt)}` : "",
      origin.state === "ok" ? "good" : "warn",
    ),
  ];
}

/** As people count them: 1.2 MB. */
export function bytes(count) {
  const power = count < 1000 ? 0 : Math.min(Math.floor(Math.log10(count) / 3), UNITS.length - 1);
  const amount = count / 1000 ** power;
  return `${power ? amount.toFixed(amount < 10 ? 1 : 0) : amount} ${UNITS[power]}`;
}

function card(label, value, detail, tone = "") {
  return element(
    "div",
    { className: `stat ${tone}` },
    element("h2", {}, label),
    element("p", { className: "value" }, value),
    element("p", { className: "detail" }, detail),
  );
}

/** As the last sweep counted it; nothing before the first. */
function unshown(orphaned) {
  return orphaned ? `; ${WHOLE.format(orphaned)} shown by nobody` : "";
}

function stored({ servedBytes }) {
  return servedBytes === null
    ? "originals, each stored once"
    : `originals; pages load from ${bytes(servedBytes)}`;
}

function reasons(byReason) {
  return Object.entries(byReason)
    .map(([reason, count]) => `${count} ${reason.replaceAll("_", " ")}`)
    .join(", ");
}

function moment(iso) {
  return iso ? element("time", { dateTime: iso, title: exact(iso) }, ago(iso)) : "never";
}
