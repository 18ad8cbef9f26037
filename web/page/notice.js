// What stands where chats would: nothing here, no answer, no token. Each says what to do.

import { element } from "./element.js";
import { keepToken, tokenFor } from "./tokens.js";

/** An empty or failed view. `action` is `[label, whatToDo]`. */
export function notice(title, text, action) {
  const button =
    action && element("button", { type: "button", className: "primary", onclick: action[1] }, action[0]);
  return element("div", { className: "notice" }, element("h2", {}, title), element("p", {}, text), button);
}

/** The reason why a view cannot be shown; `again` repeats the request. */
export function errorNotice(error, again) {
  if (error.status === 401) return tokenForm("read", again, { wasRefused: tokenFor("read") !== "" });
  if (error.status === 403) return tokenForm("admin", again, { wasRefused: true });
  if (error.status === 404)
    return notice("Not found", `${capital(error.message)}.`, [
      "Back to all chats",
      () => (location.hash = "#/"),
    ]);
  const title = error.status ? "Something went wrong" : "No connection";
  return notice(title, error.status ? `${capital(error.message)}.` : error.message, ["Try again", again]);
}

const ASKED = {
  read: [
    "Which token?",
    "This page shows private chats. Open the link that the server printed, or paste its read token here. It stays in this tab.",
  ],
  admin: [
    "The admin token",
    "Changes take the admin token, which the server printed on a line of its own. It stays in this tab.",
  ],
};

/** Asks for a token once; `done` goes on with it. */
export function tokenForm(kind, done, { wasRefused = false } = {}) {
  const [title, text] = ASKED[kind];
  const refused = wasRefused ? element("p", { className: "refused" }, "That token was refused.") : null;
  const input = element("input", {
    type: "password",
    name: `${kind}-token`,
    required: true,
    autocomplete: "off",
    spellcheck: false,
    id: `${kind}-token`,
  });
  const form = element(
    "form",
    { className: "notice" },
    element("h2", {}, title),
    element("p", {}, text),
    refused,
    element("label", { htmlFor: input.id }, kind === "read" ? "Read token" : "Admin token"),
    element("div", { className: "field" }, input, element("button", { className: "primary" }, "Continue")),
  );
  form.onsubmit = (event) => {
    event.preventDefault();
    keepToken(kind, input.value);
    done();
  };
  return form;
}

function capital(text) {
  return (text[0] ?? "").toUpperCase() + text.slice(1).replace(/\.$/, "");
}
