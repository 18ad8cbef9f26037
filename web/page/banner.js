// Shows a banner while Beeper does not answer the server, because what the page shows may then be old.

import { listChats, readOrigin } from "./api.js";
import { bannerText } from "./origin.js";

const INTERVAL_MS = 60_000;

/**
 * Keeps the banner up to date: now, once a minute, and whenever the reader comes back to this tab.
 *
 * @param {HTMLElement} banner
 * @returns {Promise<void>} Resolves after the first update.
 */
export function watchOrigin(banner) {
  const update = async () => {
    if (document.visibilityState !== "visible") return;
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
