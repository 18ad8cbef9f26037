// Shows a banner while Beeper, or the agent beside it, does not answer, because what the page shows may then be old.

import { listChats, readStatus } from "./api.js";
import { connectButton, connection } from "./connect.js";
import { element } from "./element.js";
import { agentText, bannerText } from "./origin.js";

// Only a sync finds out how Beeper is, every ten minutes, so more requests would learn little, and each costs something.
const INTERVAL_MS = 300_000;
const LEAST_INTERVAL_MS = 60_000;
// After Beeper has been connected again, the server says so at the end of its next sync.
const CONNECTING_MS = 5_000;

/**
 * Keeps the banner up to date while the tab is visible: now, every five minutes, and when the reader comes back to this
 * tab, but not twice within a minute. A banner with a button to connect Beeper again is updated every few seconds.
 *
 * @param {HTMLElement} banner
 * @returns {Promise<void>} Resolves after the first update.
 */
export function watchOrigin(banner) {
  let askedAt = -Infinity;
  let leastInterval = LEAST_INTERVAL_MS;
  const update = async () => {
    const now = performance.now();
    if (document.visibilityState !== "visible" || now - askedAt < leastInterval) return;
    askedAt = now;
    const note = await currentNote().catch(() => null);
    if (note === null) return; // The view itself reports a request that fails.
    leastInterval = note.canConnect ? 0 : LEAST_INTERVAL_MS;
    if (note.canConnect) setTimeout(update, CONNECTING_MS);
    banner.hidden = !note.text;
    if (banner.firstChild?.textContent !== note.text) show(banner, note); // A screen reader repeats what is set again.
  };
  setInterval(update, INTERVAL_MS);
  document.addEventListener("visibilitychange", update);
  return update();
}

/**
 * @typedef {object} Note What the banner should say now.
 * @property {string} text Empty if there is nothing to report.
 * @property {boolean} canConnect Whether the reader can connect Beeper again.
 */

/**
 * @param {HTMLElement} banner
 * @param {Note} note
 */
function show(banner, { text, canConnect }) {
  banner.replaceChildren(element("p", {}, text));
  if (!canConnect) return;
  const { button, problem } = connectButton("Connect again");
  banner.append(button, problem);
}

/**
 * Returns what the banner should say now.
 *
 * @returns {Promise<Note>}
 * @throws {import("./api.js").ApiError} If a request fails.
 */
export async function currentNote() {
  const { origin, agent } = await readStatus();
  const absent = agentText(agent);
  if (absent) return { text: absent, canConnect: false };
  if (!bannerText(origin, true)) return { text: "", canConnect: false };
  const canConnect = origin.state === "unauthorized" && (await connection())?.account === "connected";
  const { chats } = await listChats({ limit: 1, participants: 0, filter: "all" });
  return { text: bannerText(origin, chats.length > 0, { canConnect, agent }), canConnect };
}
