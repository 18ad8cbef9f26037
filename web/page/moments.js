// Formats ISO 8601 moments in words, in the reader's time zone.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const MONTH = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric" });
const SHORT_MONTH = new Intl.DateTimeFormat("en-GB", { month: "short", year: "numeric" });
const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const DATE_OF_YEAR = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const EXACT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

/**
 * Formats a moment for a narrow column: "now", "5 min", "3 h", "2 d", "12 Jun" or, in another year, "Jun 2024".
 *
 * @param {string} iso
 * @param {number} [now] Milliseconds since 1970.
 * @returns {string}
 */
export function brief(iso, now = Date.now()) {
  const moment = Date.parse(iso);
  if (Math.abs(now - moment) < 7 * DAY) return distance(Math.abs(now - moment));
  return (isSameYear(moment, now) ? DATE : SHORT_MONTH).format(moment);
}

/**
 * Formats a moment for a sentence: "just now", "5 min ago", "in 5 min", "12 Jun" or, in another year, "12 Jun 2024".
 *
 * @param {string} iso
 * @param {number} [now] Milliseconds since 1970.
 * @returns {string}
 */
export function ago(iso, now = Date.now()) {
  const moment = Date.parse(iso);
  const ahead = moment - now;
  if (Math.abs(ahead) >= 7 * DAY) return (isSameYear(moment, now) ? DATE : DATE_OF_YEAR).format(moment);
  if (Math.abs(ahead) < MINUTE) return ahead > 0 ? "in a moment" : "just now";
  return ahead > 0 ? `in ${distance(ahead)}` : `${distance(-ahead)} ago`;
}

/**
 * Formats day, month, year, hour and minute.
 *
 * @param {string} iso
 * @returns {string}
 */
export function exact(iso) {
  return EXACT.format(Date.parse(iso));
}

/**
 * Returns the heading of the section of the list of chats that a moment belongs to.
 *
 * @param {string | null} iso Null for a chat without any activity.
 * @param {number} [now] Milliseconds since 1970.
 * @returns {string}
 */
export function period(iso, now = Date.now()) {
  if (!iso) return "Without any activity";
  const moment = Date.parse(iso);
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  if (moment >= midnight) return "Today";
  if (moment >= midnight - DAY) return "Yesterday";
  if (moment >= midnight - 6 * DAY) return "Last seven days";
  return MONTH.format(moment);
}

/** @param {number} milliseconds A duration of less than seven days. */
function distance(milliseconds) {
  if (milliseconds < MINUTE) return "now";
  if (milliseconds < HOUR) return `${Math.floor(milliseconds / MINUTE)} min`;
  if (milliseconds < DAY) return `${Math.floor(milliseconds / HOUR)} h`;
  return `${Math.floor(milliseconds / DAY)} d`;
}

/**
 * @param {number} moment
 * @param {number} now
 */
function isSameYear(moment, now) {
  return new Date(moment).getFullYear() === new Date(now).getFullYear();
}
