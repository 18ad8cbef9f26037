// ISO 8601 → what people say.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const MONTH = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric" });
const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const DATE_OF_YEAR = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const EXACT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

/** For a narrow column: "now", "5 min", "3 h", "2 d", "12 Jun", "12 Jun 2024". */
export function brief(iso, now = Date.now()) {
  const moment = Date.parse(iso);
  const distance = Math.abs(now - moment);
  const days = new Date(moment).getFullYear() === new Date(now).getFullYear() ? DATE : DATE_OF_YEAR;
  if (distance >= 7 * DAY) return days.format(moment);
  if (distance < MINUTE) return "now";
  const [unit, name] = distance < HOUR ? [MINUTE, "min"] : distance < DAY ? [HOUR, "h"] : [DAY, "d"];
  return `${Math.floor(distance / unit)} ${name}`;
}

/** For a sentence: "just now", "5 min ago", "in 5 min", "12 Jun". */
export function ago(iso, now = Date.now()) {
  const text = brief(iso, now);
  const ahead = Date.parse(iso) - now;
  if (text === "now") return ahead > 0 ? "in a moment" : "just now";
  if (Math.abs(ahead) >= 7 * DAY) return text;
  return ahead > 0 ? `in ${text}` : `${text} ago`;
}

/** Day, month, year, hour and minute, in the reader's time zone. */
export function exact(iso) {
  return EXACT.format(Date.parse(iso));
}

/** What a list of chats is divided by. */
export function period(iso, now = Date.now()) {
  if (!iso) return "Without any activity";
  const moment = Date.parse(iso);
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  if (moment >= midnight) return "Today";
  if (moment >= midnight - DAY) return "Yesterday";
  if (moment >= midnight - 6 * DAY) return "Last seven days";
  return MONTH.format(moment);
}
