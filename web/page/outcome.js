// Follows a picture that was queued until the outcome is known, for about two minutes.

import { explain } from "./api.js";
import { longerWait } from "./waits.js";

/** @import { Story } from "./answers.d.ts" */

const FIRST_WAIT_MS = 1_000;
const MOST_REQUESTS = 10;

/**
 * Writes the state of a picture into an element until the picture is cached or has failed. Ends earlier if the element
 * is no longer shown, and after ten requests, because an origin may be away for days.
 *
 * @param {string} sourceUrl
 * @param {HTMLElement} status
 * @returns {Promise<Story | null>} The story with the outcome, or null if the outcome is not known.
 */
export async function followImage(sourceUrl, status) {
  status.textContent = "Queued …";
  let wait = FIRST_WAIT_MS;
  for (let count = 0; count < MOST_REQUESTS; count += 1) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = longerWait(wait);
    if (!status.isConnected) return null;
    const story = await explain(sourceUrl).catch(() => null); // The next request may succeed.
    if (!story) continue;
    const text = stateText(story);
    if (status.textContent !== text) status.textContent = text;
    if (!isWaiting(story)) return story;
  }
  status.textContent = "Still queued. It goes on by itself.";
  return null;
}

/** @param {Pick<Story, "queuedAt" | "heldUntil">} story */
function isWaiting({ queuedAt, heldUntil }) {
  return queuedAt !== null || heldUntil !== null;
}

/**
 * Returns the state of a picture in a few words, for example "Failed: gone". A picture stays cached if a refresh fails, so
 * the last answer is told, too.
 *
 * @param {Pick<Story, "status" | "reason" | "attempts" | "queuedAt" | "heldUntil">} story
 * @returns {string}
 */
export function stateText(story) {
  if (story.heldUntil !== null) return "Being fetched …";
  if (isWaiting(story)) return "Queued …";
  if (story.status === "failed") {
    return `Failed: ${(story.reason ?? "for an unknown reason").replaceAll("_", " ")}`;
  }
  const state = story.status.charAt(0).toUpperCase() + story.status.slice(1);
  const last = story.attempts.at(-1);
  return story.status === "cached" && last ? `${state} (last answer: ${last.answer})` : state;
}
