// Offers to remember the token of a link, because new tabs would ask for it.

import { readOrigin } from "./api.js";
import { element } from "./element.js";
import { declineRemembering, mayBeRemembered, rememberToken } from "./tokens.js";

/**
 * Shows the offer if the reader has opened a link with a token that the server accepts and this device does not keep.
 *
 * @param {HTMLElement} box
 */
export async function offerToRemember(box) {
  if (!mayBeRemembered()) return;
  const isAccepted = await readOrigin().then(() => true, () => false);
  if (!isAccepted) return;
  const answer = (/** @type {() => void} */ act) => () => {
    act();
    box.hidden = true;
  };
  const text =
    "Only this tab can show your chats: a new tab asks for the token. If nobody else uses this browser, " +
    "it can be remembered.";
  const remember = element(
    "button",
    { type: "button", className: "primary", onclick: answer(rememberToken) },
    "Remember on this device",
  );
  const later = element("button", { type: "button", onclick: answer(declineRemembering) }, "Not now");
  box.ariaLabel = "The token of this link";
  box.replaceChildren(element("p", {}, text), remember, later);
  box.hidden = false;
}
