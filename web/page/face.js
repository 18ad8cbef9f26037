// Opens a face: the larger picture, and what an operator can do about exactly this picture.

import { picturesOf } from "./api.js";
import { avatar } from "./card.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { explainImage, forgetImage, refreshImage, retryImage } from "./image_actions.js";
import { sentence } from "./notice.js";

/** @import { ChatAvatar, ChatImage } from "../avatar.d.ts" */
/** @import { ApiError } from "./api.js" */
/** @import { Image } from "./answers.d.ts" */

/**
 * @typedef {object} Place What shows a face: a member of a chat, or the chat itself without a `participantId`.
 * @property {string} chatId
 * @property {string} [participantId]
 */

/** @type {Partial<Record<string, string>>} */
const SOURCES = {
  contact: "The picture of the contact.",
  former: "A former picture: Beeper no longer sends it.",
};

/**
 * Makes a face a button that opens it. A face that has no picture at all stays as it is.
 *
 * @param {HTMLElement} face What the button shows.
 * @param {ChatAvatar} avatar The avatar in it, whose picture is replaced when the reader has changed it.
 * @param {string} name Whose face it is.
 * @param {Place} place
 * @returns {HTMLElement}
 */
export function faceButton(face, avatar, name, place) {
  if (!avatar.image || avatar.image.status === "none") return face;
  const onclick = () => openFace(avatar, name, place);
  return element("button", {
    type: "button",
    className: "face",
    onclick,
    aria: { label: `Picture of ${name}` },
  }, face);
}

/**
 * @param {ChatAvatar} face
 * @param {string} name
 * @param {Place} place
 */
async function openFace(face, name, place) {
  const image = /** @type {Image} */ (face.image);
  const portrait = element("div", { className: "portrait" }, portraitOf(image, name));
  const text = element("p", { className: "quiet-text" }, describe(image));
  const actions = element("div", { className: "picture-actions" });
  openDialog(name, portrait, text, actions);
  const show = (/** @type {Image} */ changed) => {
    face.image = changed;
    portrait.replaceChildren(portraitOf(changed, name));
    text.textContent = describe(changed);
  };
  try {
    const { pictures } = await picturesOf(place);
    const shown = pictures.find((picture) => picture.isShown);
    if (shown) actions.replaceChildren(...actionsOn(shown.sourceUrl, image, show));
    else actions.replaceChildren("It has changed meanwhile: open the chat again.");
  } catch (error) {
    const message = sentence(/** @type {ApiError} */ (error).message);
    actions.replaceChildren(element("p", { role: "alert" }, message));
  }
}

/**
 * @param {string} sourceUrl
 * @param {Image} image
 * @param {(changed: Image) => void} show Called with the picture after a change.
 */
function actionsOn(sourceUrl, image, show) {
  const isCached = image.status === "cached";
  const fetchAgain = async (/** @type {HTMLButtonElement} */ button) => {
    const story = await (isCached ? refreshImage : retryImage)(sourceUrl, button);
    if (story) show({ ...story.image, initials: image.initials });
  };
  const forget = async (/** @type {HTMLButtonElement} */ button) => {
    if (await forgetImage(sourceUrl, button, image)) show({ status: "none", initials: image.initials });
  };
  return [
    actionButton("Explain", () => explainImage(sourceUrl)),
    actionButton(isCached ? "Refresh" : "Retry", fetchAgain),
    actionButton("Forget", forget),
  ];
}

/**
 * @param {string} label
 * @param {(button: HTMLButtonElement) => void} act
 */
function actionButton(label, act) {
  const button = element("button", { type: "button", onclick: () => act(button) }, label);
  return button;
}

/**
 * @param {Image} image
 * @param {string} name
 */
function portraitOf(image, name) {
  const url = largeUrl(image);
  if (!url) return avatar(name, 192, image);
  const picture = element("img", { src: url, alt: `Picture of ${name}`, decoding: "async" });
  // With the size of the original, the place is kept free until the picture is there.
  if (image.width && image.height) Object.assign(picture, { width: image.width, height: image.height });
  if (image.backdrop) picture.style.background = image.backdrop;
  return picture;
}

/**
 * Returns the address of the largest copy of a picture, which lies beside the one that faces show.
 *
 * @param {Pick<ChatImage, "status" | "url">} image
 * @returns {string | null} Null if the picture is not cached.
 */
export function largeUrl({ status, url }) {
  return status === "cached" && url ? url.replace(/192\.webp$/, "640.webp") : null;
}

/**
 * Returns what a dialog says of a picture.
 *
 * @param {Pick<Image, "status" | "source" | "reason">} image
 * @returns {string}
 */
export function describe({ status, source, reason }) {
  if (status === "cached") return SOURCES[source ?? ""] ?? "";
  if (status === "pending") return "The picture is on its way.";
  if (status === "failed") {
    return `The picture could not be fetched: ${(reason ?? "unknown").replaceAll("_", " ")}.`;
  }
  return "There is no picture now.";
}
