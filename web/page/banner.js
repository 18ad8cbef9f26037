// GET /api/health → one line, when what is shown may be old: Beeper is away, or wants a new token.

import { readHealth } from "./api.js";
import { exact } from "./moments.js";

const EVERY_MS = 60_000;

const SAID = {
  offline: (since) =>
    `Beeper is offline: pictures and chats are as of ${since}. Open Beeper on its computer; nothing is lost meanwhile.`,
  unauthorized: (since) =>
    `Beeper refuses the token: pictures and chats are as of ${since}. Give the server a new Beeper token.`,
};

/** Looks now, once a minute, and whenever somebody comes back to this tab. */
export function watchHealth(banner) {
  const look = async () => {
    if (document.visibilityState !== "visible") return;
    const health = await readHealth().catch(() => null); // whatever cannot be read says so itself
    if (!health) return;
    const { state, since, checkedAt } = health.origin;
    const moment = since ?? checkedAt;
    const text = SAID[state]?.(moment ? exact(moment) : "an earlier day") ?? "";
    banner.hidden = !text;
    if (banner.textContent !== text) banner.textContent = text; // or screen readers would repeat it
  };
  setInterval(look, EVERY_MS);
  document.addEventListener("visibilitychange", look);
  return look();
}
