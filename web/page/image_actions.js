// Explains, retries and forgets one picture. Retry and forget need the admin token, which the reader is asked for once.

import { change, explain } from "./api.js";
import { avatar, chatAddress } from "./card.js";
import { confirmed, openDialog, withAdminToken } from "./dialog.js";
import { element } from "./element.js";
import { exact } from "./moments.js";

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
 * Queues a picture for another download.
 *
 * @param {string} sourceUrl
 * @param {HTMLButtonElement} button The button that was pressed.
 */
export async function retryImage(sourceUrl, button) {
  await act(button, "Queued", () => change("images/retry", { sourceUrl }));
}

/**
 * Deletes the copies of a picture, if the reader confirms it.
 *
 * @param {string} sourceUrl
 * @param {HTMLButtonElement} button The button that was pressed.
 */
export async function forgetImage(sourceUrl, button) {
  const text =
    "Its copies are deleted, and no sync fetches it again. Only `imagecache refresh` with its URL brings it back.";
  if (await confirmed("Forget this picture?", text, "Forget it", source(sourceUrl))) {
    await act(button, "Forgotten", () => change("images/forget", { sourceUrl }));
  }
}

/**
 * Sends a change and then disables its button, with the outcome as its label.
 *
 * @param {HTMLButtonElement} button
 * @param {string} outcome
 * @param {() => Promise<unknown>} request
 */
async function act(button, outcome, request) {
  const answer = await withAdminToken(request);
  if (!answer) return;
  button.textContent = outcome;
  button.disabled = true;
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
