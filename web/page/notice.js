// Makes the notices that stand in place of content: an empty view, a failed request, a missing token. Each of them
// tells the reader what to do.

import { element } from "./element.js";
import { keepToken, tokenFor } from "./tokens.js";

/** @import { ApiError } from "./api.js" */
/** @import { TokenKind } from "./tokens.js" */

/**
 * @typedef {object} Action A button of a notice.
 * @property {string} label
 * @property {() => void} run
 */

/**
 * Makes a notice with a heading, a text and perhaps a button.
 *
 * @param {string} title
 * @param {string} text
 * @param {Action} [action]
 */
export function notice(title, text, action) {
  const button = action &&
    element("button", { type: "button", className: "primary", onclick: action.run }, action.label);
  return element("div", { className: "notice" }, element("h2", {}, title), element("p", {}, text), button);
}

/**
 * Makes the notice for a failed request: a form for the token if the token is missing or refused, else the reason.
 *
 * @param {ApiError} error
 * @param {() => void} again Repeats the request.
 */
export function errorNotice(error, again) {
  if (error.status === 401) return tokenForm("read", again, { wasRefused: tokenFor("read") !== "" });
  if (error.status === 403) return tokenForm("admin", again, { wasRefused: true });
  if (error.status === 404) {
    const back = { label: "Back to all chats", run: () => (location.hash = "#/") };
    return notice("Not found", sentence(error.message), back);
  }
  const title = error.status ? "Something went wrong" : "No connection";
  return notice(title, sentence(error.message), { label: "Try again", run: again });
}

const TOKEN_FORMS = {
  read: {
    title: "Which token?",
    text:
      "This page shows private chats. Open the link that the server printed, or paste its read token here. " +
      "The token stays in this tab, unless it is remembered.",
    label: "Read token",
  },
  admin: {
    title: "The admin token",
    text: "A change needs the admin token, which the server printed on a line of its own. " +
      "The token stays in this tab.",
    label: "Admin token",
  },
};

/**
 * Makes a form that asks for a token and stores it.
 *
 * @param {TokenKind} kind
 * @param {() => void} done Called when the token is stored.
 * @param {{ wasRefused?: boolean }} [options] `wasRefused` adds that the stored token is not valid.
 */
export function tokenForm(kind, done, { wasRefused = false } = {}) {
  const { title, text, label } = TOKEN_FORMS[kind];
  const refused = wasRefused ? element("p", { className: "refused" }, "That token was refused.") : null;
  const input = element("input", {
    type: "password",
    name: `${kind}-token`,
    required: true,
    autocomplete: "off",
    spellcheck: false,
    id: `${kind}-token`,
  });
  // Only the token that shows chats may be remembered: who changes something enters the other one in each tab.
  const remember = kind === "read" ? element("input", { type: "checkbox", name: "remember" }) : null;
  const form = element(
    "form",
    { className: "notice" },
    element("h2", {}, title),
    element("p", {}, text),
    refused,
    element("label", { htmlFor: input.id }, label),
    element("div", { className: "field" }, input, element("button", { className: "primary" }, "Continue")),
    remember && element("label", { className: "remember" }, remember, "Remember on this device"),
  );
  form.onsubmit = (event) => {
    event.preventDefault();
    keepToken(kind, input.value, { remember: remember?.checked ?? false });
    done();
  };
  return form;
}

/**
 * Returns an error's message as a sentence: with a capital letter and exactly one full stop.
 *
 * @param {string} message
 * @returns {string}
 */
export function sentence(message) {
  if (!message) return "";
  return `${message[0].toUpperCase()}${message.slice(1).replace(/\.$/, "")}.`;
}
