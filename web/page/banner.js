// Shows a banner while Beeper does not answer the server, because what the page shows may then be old.

import { listChats, readOrigin } from "./api.js";
import { bannerText } from "./origin.js";

// Only a sync finds out how Beeper is, every ten minutes, so more requests would learn little, and each costs something.
const INTERVAL_MS = 300_000;
const LEAST_INTERVAL_MS = 60_000;

/**
 * Keeps the banner up to date while the tab is visible: now, every five minutes, and when the reader comes back to this
 * tab, but not twice within a minute.
 *
 * @param {HTMLElement} banner
 * @returns {Promise<void>} Resolves after the first update.
 */
export function watchOrigin(banner) {
  let askedAt = -Infinity;
  const update = async () => {
    const now = performance.now();
    if (document.visibilityState !== "visible" || now - askedAt < LEAST_INTERVAL_MS) return;
    askedAt = now;
    const text = await currentText().catch(() => null);
    if (text === null) return; // The view itself reports a request that fails.
    banner.hidden = !text;
    if (banner.textContent !== text) banner.textContent = text; // A screen reader repeats a text that is set again.
  };
  setInterval(update, INTERVAL_MS);
  document.addEventListener("visibilitychange", update);
  return update();
}

/**
 * Returns the text that the banner should have now.
 *
 * @returns {Promise<string>} Empty if there is nothing to report.
 * @throws {import("./api.js").ApiError} If a request fails.
 */
export async function currentText() {
  const origin = await readOrigin();
  if (!bannerText(origin, true)) return "";
  const { chats } = await listChats({ limit: 1, participants: 0, filter: "all" });
  return bannerText(origin, chats.length > 0);
}
