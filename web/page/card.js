// A chat of the API → its card in the list.

import { element, icon } from "./element.js";
import { brief, exact } from "./moments.js";
import { badge } from "./networks.js";

export class ChatCard {
  #avatar;
  #shown = "";

  constructor(chat) {
    this.#avatar = avatar(chat.title, 56);
    this.update(chat);
    const title = element("span", { className: "title", dir: "auto" }, titleOf(chat));
    const message = element("span", { className: "message", dir: "auto" }, chat.lastMessage ?? "");
    const face = element("span", { className: "badged" }, this.#avatar, badge(chat.network));
    const link = element(
      "a",
      {
        href: `#/chat/${encodeURIComponent(chat.chatId)}`,
        className: chat.unreadCount ? "card unread" : "card",
      },
      face,
      title,
      when(chat.lastActivity),
      message,
      marks(chat),
    );
    this.element = element("li", {}, link);
  }

  /** Only the picture: it may have arrived since. */
  update(chat) {
    const pictures = JSON.stringify([chat.image, chat.facepile]);
    if (pictures === this.#shown) return;
    this.#shown = pictures;
    this.#avatar.image = chat.image;
    this.#avatar.faces = chat.facepile;
  }
}

export function titleOf(chat) {
  return chat.title || "Unnamed chat";
}

/** An avatar beside its name, which a screen reader need not hear twice. */
export function avatar(name, size, image, faces) {
  const made = element("chat-avatar", { aria: { hidden: "true" } });
  return Object.assign(made, { name: name ?? "", size, image, faces });
}

function when(iso) {
  return iso ? element("time", { dateTime: iso, title: exact(iso) }, brief(iso)) : element("time");
}

function marks(chat) {
  const drawn = [
    ["pinned", chat.isPinned],
    ["muted", chat.isMuted],
    ["archived", chat.isArchived],
  ];
  const marks = drawn.filter(([, holds]) => holds).map(([name]) => mark(name));
  const network = element("span", { className: "unseen" }, chat.network ? `on ${chat.network}` : "");
  return element("span", { className: "marks" }, network, ...marks, unread(chat));
}

function mark(name) {
  const drawing = icon(name === "archived" ? "archive" : name);
  return element("span", { title: name }, drawing, element("span", { className: "unseen" }, name));
}

function unread({ unreadCount, isMuted }) {
  if (!unreadCount) return null;
  const text = unreadCount > 99 ? "99+" : String(unreadCount);
  const words = element("span", { className: "unseen" }, " unread");
  return element("span", { className: isMuted ? "count quiet" : "count" }, text, words);
}
