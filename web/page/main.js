// The address → a view: #/?filter=... is the list, #/chat/<chatId> a chat, #/operator the operator's view.

import "../avatar.js";
import { watchHealth } from "./banner.js";
import { ChatView } from "./chat.js";
import { ListView } from "./list.js";
import { OperatorView } from "./operator.js";
import { takeTokenFromAddress } from "./tokens.js";

const main = document.querySelector("#main");
const views = { chats: new ListView(), chat: new ChatView(), operator: new OperatorView() };
let current = null;
let listAddress = "#/";

function read(hash) {
  const [path, query = ""] = hash.slice(1).split("?");
  const chatId = path.match(/^\/chat\/(.+)$/)?.[1];
  if (chatId) return ["chat", { chatId: decoded(chatId), back: listAddress }];
  if (path === "/operator") return ["operator", {}];
  return ["chats", { filter: new URLSearchParams(query).get("filter") ?? "inbox" }];
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // typed by hand: the API says that there is no such chat
  }
}

function show() {
  if (location.hash === "#main") return; // the skip link
  if (takeTokenFromAddress()) location.reload(); // another token sees another account
  const [name, values] = read(location.hash);
  const view = views[name];
  if (name === "chats") listAddress = location.hash || "#/";
  const isFirst = current === null;
  if (current !== view) {
    current?.close();
    main.replaceChildren(view.element);
  }
  current = view;
  for (const link of document.querySelectorAll(".top nav a")) {
    link.ariaCurrent = link.dataset.view === (name === "chat" ? "chats" : name) ? "page" : null;
  }
  if (!isFirst && name !== "chats") view.heading.focus({ preventScroll: true });
  view.open(values);
}

takeTokenFromAddress();
addEventListener("hashchange", show);
history.scrollRestoration = "manual"; // the views know better: their content comes later
show();
watchHealth(document.querySelector("#banner"));
