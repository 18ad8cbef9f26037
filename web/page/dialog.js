// <dialog>: the browser keeps the focus inside, and gives it back.

import { element } from "./element.js";
import { tokenForm } from "./notice.js";
import { dropToken, tokenFor } from "./tokens.js";

/** Open at once; `fill(...children)` replaces what it shows, `close()` ends it. */
export function openDialog(title, ...children) {
  const body = element("div", { className: "dialog-body" }, ...children);
  const close = element("button", { type: "button", className: "close", aria: { label: "Close" } }, "×");
  const heading = element("h2", { id: "dialog-title" }, title);
  const dialog = element(
    "dialog",
    { aria: { labelledby: heading.id } },
    element("div", { className: "dialog-top" }, heading, close),
    body,
  );
  close.onclick = () => dialog.close();
  dialog.onclose = () => dialog.remove();
  dialog.onclick = (event) => {
    // The backdrop is the dialog itself; a link in it leads to another view.
    if (event.target === dialog || event.target.closest("a")) dialog.close();
  };
  document.body.append(dialog);
  dialog.showModal();
  return {
    element: dialog,
    fill: (...given) => body.replaceChildren(...given.filter(Boolean)),
    close: () => dialog.close(),
  };
}

/** Whether the button was pressed that does it. */
export function confirmed(title, text, label) {
  return new Promise((resolve) => {
    const yes = element("button", { type: "button", className: "primary danger" }, label);
    const no = element("button", { type: "button" }, "Cancel");
    const dialog = openDialog(
      title,
      element("p", {}, text),
      element("div", { className: "choices" }, no, yes),
    );
    yes.onclick = () => (resolve(true), dialog.close());
    no.onclick = () => dialog.close();
    dialog.element.addEventListener("close", () => resolve(false));
  });
}

/** The answer of a request that takes the admin token, which is asked for where it is missing; null when given up. */
export async function withAdminToken(request) {
  let wasRefused = false;
  for (;;) {
    if (!tokenFor("admin") && !(await adminToken(wasRefused))) return null;
    try {
      return await request();
    } catch (error) {
      if (error.status !== 401 && error.status !== 403) {
        openDialog("That did not work", element("p", { role: "alert" }, error.message));
        return null;
      }
      dropToken("admin");
      wasRefused = true;
    }
  }
}

function adminToken(wasRefused) {
  return new Promise((resolve) => {
    const form = tokenForm("admin", () => (resolve(true), dialog.close()), { wasRefused });
    const dialog = openDialog("Changes need a token", form);
    dialog.element.addEventListener("close", () => resolve(false));
  });
}
