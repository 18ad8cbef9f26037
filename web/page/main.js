// Shows the view that the address leads to; route.js describes the addresses.

import "../avatar.js";
import { watchOrigin } from "./banner.js";
import { ChatView } from "./chat.js";
import { offerConnection } from "./connect.js";
import { ListView } from "./list.js";
import { OperatorView } from "./operator.js";
import { offerToRemember } from "./remember.js";
import { readRoute } from "./route.js";
import { takeTokenFromAddress } from "./tokens.js";

const main = /** @type {HTMLElement} */ (document.querySelector("#main"));
const banner = /** @type {HTMLElement} */ (document.querySelector("#banner"));
const offer = /** @type {HTMLElement} */ (document.querySelector("#offer"));
const chats = new ListView();
const chat = new ChatView();
const operator = new OperatorView();
/** @type {ListView | ChatView | OperatorView | null} */
let current = null;
let listAddress = "#/";

function show() {
  if (location.hash === "#main") return; // The skip link moves the focus and leads to no other view.
  if (takeTokenFromAddress()) location.reload(); // Another token may show another account.
  const route = readRoute(location.hash);
  switch (route.view) {
    case "chats":
      listAddress = location.hash || "#/";
      bringIn(chats);
      chats.open(route);
      break;
    case "chat":
      bringIn(chat);
      chat.open({ chatId: route.chatId, back: listAddress });
      break;
    case "operator":
      bringIn(operator);
      operator.open();
      break;
  }
  markView(route.view === "operator" ? "operator" : "chats");
}

/**
 * Puts a view in the place of the current one, and moves the focus to its heading. The list does the latter itself.
 *
 * @param {ListView | ChatView | OperatorView} view
 */
function bringIn(view) {
  const isFirst = current === null;
  if (current !== view) {
    current?.close();
    main.replaceChildren(view.element);
    current = view;
  }
  if (!isFirst && view !== chats) view.heading.focus({ preventScroll: true });
}

/**
 * Marks a link of the navigation as the view that is shown.
 *
 * @param {string} name
 */
function markView(name) {
  for (const link of document.querySelectorAll(".top nav a")) {
    link.ariaCurrent = /** @type {HTMLElement} */ (link).dataset.view === name ? "page" : null;
  }
}

/**
 * Refreshes the list when the reader presses a link to the list that is shown already: the address does not change
 * then, so the browser does nothing by itself.
 *
 * @param {MouseEvent} event
 */
function refreshShownList(event) {
  const link = /** @type {Element} */ (event.target).closest("a");
  if (current === chats && link?.hash === listAddress && !opensElsewhere(event)) chats.refresh();
}

/** @param {MouseEvent} event */
function opensElsewhere({ ctrlKey, metaKey, shiftKey }) {
  return ctrlKey || metaKey || shiftKey;
}

/**
 * Leaves a chat with the Escape key. A dialog keeps the key for itself.
 *
 * @param {KeyboardEvent} event
 */
function leaveChat(event) {
  if (event.key === "Escape" && current === chat && !document.querySelector("dialog[open]")) chat.leave();
}

takeTokenFromAddress();
addEventListener("hashchange", show);
addEventListener("keydown", leaveChat);
document.addEventListener("click", refreshShownList);
history.scrollRestoration = "manual"; // A view restores its own position, as its content arrives later.
show();
watchOrigin(banner);
offerConnection(offer).then(() => offer.hidden ? offerToRemember(offer) : null); // one offer at a time
