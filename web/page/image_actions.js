// Explains, refreshes, retries and forgets one picture. All but the first need the admin token, which the reader is
// asked for once.

import { change, explain } from "./api.js";
import { avatar, chatAddress } from "./card.js";
import { confirmed, openDialog, withAdminToken } from "./dialog.js";
import { element } from "./element.js";
import { exact } from "./moments.js";
import { followImage } from "./outcome.js";

/** @import { ChatImage } from "../avatar.d.ts" */
/** @import { ApiError } from "./api.js" */
/** @import { Story } from "./answers.d.ts" */

// The sentences of the API name moments in UTC.
const MOMENTS = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g;

/**
 * Shows the story of a picture in a dialog.
 *
 * @param {string} sourceUrl
 */
export async function explainImage(sourceUrl) {
  const dialog = openDialog("The story of this picture", element("p", { role: "status" }, "Loading …"));
  try {
    dialog.fill(...storyContent(await explain(sourceUrl)));
  } catch (error) {
    dialog.fill(element("p", { role: "alert" }, /** @type {ApiError} */ (error).message));
  }
}

/**
 * Queues a failed picture for another download, and shows the outcome beside the button.
 *
 * @param {string} sourceUrl
 * @param {HTMLButtonElement} button The button that was pressed.
 */
export const retryImage = (sourceUrl, button) => fetchAgain("images/retry", sourceUrl, button);

/**
 * Queues a cached or forgotten picture for another download, and shows the outcome beside the button.
 *
 * @param {string} sourceUrl
 * @param {HTMLButtonElement} button The button that was pressed.
 */
export const refreshImage = (sourceUrl, button) => fetchAgain("images/refresh", sourceUrl, button);

/**
 * Deletes the copies of a picture, if the reader confirms it.
 *
 * @param {string} sourceUrl
 * @param {HTMLButtonElement} button The button that was pressed.
 * @param {ChatImage | null} [image] The picture as the page shows it, if it does.
 * @returns {Promise<boolean>} True if the picture is forgotten.
 */
export async function forgetImage(sourceUrl, button, image = null) {
  const text =
    "Its copies are deleted, and no sync fetches it again. Only `imagecache refresh` with its URL brings it back.";
  const face = image ? avatar("", 96, image) : null;
  if (!(await confirmed("Forget this picture?", text, "Forget it", face, source(sourceUrl)))) return false;
  const answer = await withAdminToken(() => change("images/forget", { sourceUrl }));
  if (!answer) return false;
  button.textContent = "Forgotten";
  button.disabled = true;
  return true;
}

/**
 * @param {"images/retry" | "images/refresh"} path
 * @param {string} sourceUrl
 * @param {HTMLButtonElement} button
 * @returns {Promise<Story | null>} The story with the outcome, or null if there is no outcome yet.
 */
async function fetchAgain(path, sourceUrl, button) {
  const status = statusBeside(button);
  if (!(await withAdminToken(() => change(path, { sourceUrl })))) return null;
  button.disabled = true;
  const story = await followImage(sourceUrl, status);
  button.disabled = false;
  return story;
}

/**
 * Returns the place for the outcome of a button, which is made when it is first needed.
 *
 * @param {HTMLButtonElement} button
 * @returns {HTMLElement}
 */
function statusBeside(button) {
  const place = /** @type {HTMLElement} */ (button.parentElement);
  const existing = /** @type {HTMLElement | null} */ (place.querySelector("[role=status]"));
  if (existing) return existing;
  const status = element("span", { role: "status", className: "outcome" });
  place.append(status);
  return status;
}

/** @param {Story} story */
function storyContent(story) {
  // A chat with several members who have this picture is in the list once.
  const titles = new Map(story.shownBy.map(({ chatId, chatTitle }) => [chatId, chatTitle]));
  const chats = [...titles].map(([chatId, title]) =>
    element("li", {}, element("a", { href: chatAddress(chatId), dir: "auto" }, title ?? "Unnamed chat"))
  );
  return [
    story.image.status === "cached" ? avatar("", 96, story.image) : null,
    // The list below says which chats show it.
    ...story.summary
      .filter((sentence) => !chats.length || !sentence.startsWith("Shown by "))
      .map((sentence) => element("p", {}, inLocalTime(sentence))),
    chats.length ? element("h3", {}, "Chats that show it") : null,
    chats.length ? element("ul", {}, ...chats) : null,
    source(story.sourceUrl),
  ];
}

/** @param {string} url */
function source(url) {
  return element("code", { className: "source" }, url.slice(0, 500));
}

/**
 * Returns a sentence of the API with its moments in the reader's time zone.
 *
 * @param {string} sentence
 * @returns {string}
 */
export function inLocalTime(sentence) {
  return sentence.replace(MOMENTS, (moment) => exact(moment));
}
