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
  if (daysBetween(moment, now) < 7) return distance(moment, now);
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
  if (daysBetween(moment, now) >= 7) return (isSameYear(moment, now) ? DATE : DATE_OF_YEAR).format(moment);
  if (Math.abs(ahead) < MINUTE) return ahead > 0 ? "in a moment" : "just now";
  return ahead > 0 ? `in ${distance(moment, now)}` : `${distance(moment, now)} ago`;
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
 * @param {string | undefined} iso Undefined for a chat without any activity.
 * @param {number} [now] Milliseconds since 1970.
 * @returns {string}
 */
export function period(iso, now = Date.now()) {
  if (!iso) return "Without any activity";
  const moment = Date.parse(iso);
  if (moment >= midnight(now, 0)) return "Today";
  if (moment >= midnight(now, 1)) return "Yesterday";
  if (moment >= midnight(now, 6)) return "Last seven days";
  return MONTH.format(moment);
}

/**
 * Returns the beginning of the day that is so many calendar days before a moment. A day has 23 or 25 hours when the
 * clocks change, so days are not subtracted as hours.
 *
 * @param {number} moment
 * @param {number} days
 */
function midnight(moment, days) {
  const day = new Date(moment);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() - days).getTime();
}

/**
 * Returns how many days are between two moments by the clock on the wall: from noon to noon it is a whole day, also if
 * the clocks change in between.
 *
 * @param {number} moment
 * @param {number} other
 */
function daysBetween(moment, other) {
  return Math.floor(Math.abs(wallTime(moment) - wallTime(other)) / DAY);
}

/**
 * Returns what a clock in the reader's time zone shows, in milliseconds without the changes of the clock.
 *
 * @param {number} moment
 */
function wallTime(moment) {
  return moment - new Date(moment).getTimezoneOffset() * MINUTE;
}

/**
 * @param {number} moment Less than seven days from `now`.
 * @param {number} now
 */
function distance(moment, now) {
  const milliseconds = Math.abs(now - moment);
  const days = daysBetween(moment, now);
  if (milliseconds < MINUTE) return "now";
  if (milliseconds < HOUR) return `${Math.floor(milliseconds / MINUTE)} min`;
  if (days < 1) return `${Math.floor(milliseconds / HOUR)} h`;
  return `${days} d`;
}

/**
 * @param {number} moment
 * @param {number} now
 */
function isSameYear(moment, now) {
  return new Date(moment).getFullYear() === new Date(now).getFullYear();
}
