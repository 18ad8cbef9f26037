// Opens dialogs: <dialog> keeps the focus inside, and gives it back to where it was.

import { element } from "./element.js";
import { tokenForm } from "./notice.js";
import { dropToken, tokenFor } from "./tokens.js";

/** @import { Child } from "./element.js" */

let count = 0;

/**
 * Opens a dialog, above those that are open already.
 *
 * @param {string} title
 * @param {...Child} children
 */
export function openDialog(title, ...children) {
  const body = element("div", { className: "dialog-body" }, ...children);
  const close = element("button", { type: "button", className: "close", aria: { label: "Close" } }, "×");
  count += 1;
  const heading = element("h2", { id: `dialog-title-${count}`, dir: "auto" }, title);
  const dialog = element(
    "dialog",
    { aria: { labelledby: heading.id } },
    element("div", { className: "dialog-top" }, heading, close),
    body,
  );
  close.onclick = () => dialog.close();
  dialog.onclose = () => dialog.remove();
  dialog.onclick = (event) => {
    // A click on the backdrop has the dialog itself as its target. A link in the dialog leads to another view.
    const target = /** @type {Element} */ (event.target);
    if (target === dialog) dialog.close();
    if (target.closest("a")) { for (const open of document.querySelectorAll("dialog")) open.close(); }
  };
  document.body.append(dialog);
  dialog.showModal();
  return {
    element: dialog,
    /** @param {...(Node | null)} content Replaces what the dialog shows; null is left out. */
    fill: (...content) => body.replaceChildren(...content.filter((child) => child !== null)),
    close: () => dialog.close(),
  };
}

/**
 * Asks the reader to confirm an action.
 *
 * @param {string} title
 * @param {string} text
 * @param {string} label The label of the button that confirms.
 * @param {...Child} details What the action concerns, such as the address of a picture.
 * @returns {Promise<boolean>} True if that button was pressed.
 */
export function confirmed(title, text, label, ...details) {
  return new Promise((resolve) => {
    const yes = element("button", { type: "button", className: "primary danger" }, label);
    const no = element("button", { type: "button" }, "Cancel");
    const dialog = openDialog(
      title,
      element("p", {}, text),
      ...details,
      element("div", { className: "choices" }, no, yes),
    );
    yes.onclick = () => {
      resolve(true);
      dialog.close();
    };
    no.onclick = () => dialog.close();
    dialog.element.addEventListener("close", () => resolve(false));
  });
}

/**
 * Sends a request that needs the admin token. Asks for the token if it is missing or refused, and shows any other
 * error in a dialog.
 *
 * @template Answer
 * @param {() => Promise<Answer>} request
 * @returns {Promise<Answer | null>} The answer, or null if the request failed or the reader closed the dialog.
 */
export async function withAdminToken(request) {
  let wasRefused = false;
  for (;;) {
    if (!tokenFor("admin") && !(await askForAdminToken(wasRefused))) return null;
    try {
      return await request();
    } catch (cause) {
      const error = /** @type {import("./api.js").ApiError} */ (cause);
      if (error.status !== 401 && error.status !== 403) {
        openDialog("The request failed", element("p", { role: "alert" }, error.message));
        return null;
      }
      dropToken("admin");
      wasRefused = true;
    }
  }
}

/**
 * @param {boolean} wasRefused
 * @returns {Promise<boolean>} True if a token was entered.
 */
function askForAdminToken(wasRefused) {
  return new Promise((resolve) => {
    const done = () => {
      resolve(true);
      dialog.close();
    };
    const dialog = openDialog("Changes need a token", tokenForm("admin", done, { wasRefused }));
    dialog.element.addEventListener("close", () => resolve(false));
  });
}
