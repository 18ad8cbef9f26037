// Draws one chat of the API as a card of the list.

import { element, icon } from "./element.js";
import { brief, exact } from "./moments.js";
import { badge } from "./networks.js";

/** @import { ChatImage } from "../avatar.d.ts" */
/** @import { Chat } from "./answers.d.ts" */

/** The card of a chat. `element` is its list item. */
export class ChatCard {
  #avatar;
  #link;
  #texts = "";
  #pictures = "";

  /** @param {Chat} chat */
  constructor(chat) {
    this.chat = chat;
    const face = badgedAvatar(chat, 56);
    this.#avatar = face.avatar;
    this.#link = element("a", { href: chatAddress(chat.chatId) }, face.element);
    this.element = element("li", {}, this.#link);
    this.update(chat);
  }

  /**
   * Shows a later answer, and leaves what has not changed as it is.
   *
   * @param {Chat} chat
   */
  update(chat) {
    this.chat = chat;
    this.#showTexts(chat);
    const pictures = JSON.stringify([chat.image, chat.facepile]);
    if (pictures === this.#pictures) return; // To set them again would load them again.
    this.#pictures = pictures;
    showPictures(this.#avatar, chat, 56);
  }

  /** @param {Chat} chat */
  #showTexts({ image: _image, facepile: _facepile, ...chat }) {
    const texts = JSON.stringify([chat, chat.lastActivity && brief(chat.lastActivity)]);
    if (texts === this.#texts) return;
    this.#texts = texts;
    const title = element("span", { className: "title", dir: "auto" }, titleOf(chat));
    const message = element("span", { className: "message", dir: "auto" }, chat.lastMessage ?? "");
    this.#link.className = chat.unreadCount || chat.isMarkedUnread ? "card unread" : "card";
    for (const line of this.#link.querySelectorAll(".line")) line.remove();
    this.#link.append(
      element("span", { className: "line" }, title, time(chat.lastActivity)),
      element("span", { className: "line" }, message, marks(chat)),
    );
  }
}

/**
 * Returns the address of a chat's view.
 *
 * @param {string} chatId
 * @returns {string}
 */
export function chatAddress(chatId) {
  return `#/chat/${encodeURIComponent(chatId)}`;
}

/**
 * Returns the title of a chat, or a text for a chat that has none.
 *
 * @param {Omit<Chat, "image">} chat
 * @returns {string}
 */
export function titleOf(chat) {
  return chat.title || "Unnamed chat";
}

/**
 * Makes an avatar that stands beside its name. It is hidden from screen readers, which would read the name twice.
 *
 * @param {string | undefined} name
 * @param {number} size The width in CSS pixels.
 * @param {ChatImage | null} [image]
 */
export function avatar(name, size, image = null) {
  return Object.assign(element("chat-avatar", { aria: { hidden: "true" } }), { name, size, image });
}

/**
 * Makes the avatar of a chat with the badge of its network.
 *
 * @param {Chat} chat
 * @param {56 | 96} size The width in CSS pixels.
 */
export function badgedAvatar(chat, size) {
  const face = avatar(chat.title, size);
  showPictures(face, chat, size);
  const className = size > 56 ? "badged large" : "badged";
  return { avatar: face, element: element("span", { className }, face, badge(chat.network)) };
}

// The last face of a pile reaches into the corner of the badge, so a pile is drawn smaller by this factor.
const PILE_SCALE = 0.8;

/**
 * Gives an avatar the pictures of its chat, and the size at which the badge covers none of them.
 *
 * @param {HTMLElementTagNameMap["chat-avatar"]} face
 * @param {Chat} chat
 * @param {number} size The width in CSS pixels that there is for the avatar.
 */
function showPictures(face, chat, size) {
  const { image, facepile = [] } = chat;
  const isPile = image.status !== "cached" && facepile.length > 1;
  face.image = image;
  face.faces = facepile;
  face.size = isPile && chat.network ? size * PILE_SCALE : size;
}

/** @param {string | undefined} iso */
function time(iso) {
  return iso ? element("time", { dateTime: iso, title: exact(iso) }, brief(iso)) : element("time");
}

/** @param {Omit<Chat, "image">} chat */
function marks(chat) {
  const network = element("span", { className: "unseen" }, chat.network ? `on ${chat.network}` : "");
  return element(
    "span",
    { className: "marks" },
    network,
    chat.isPinned ? mark("pinned", "pinned") : null,
    chat.isMuted ? mark("muted", "muted") : null,
    chat.isArchived ? mark("archive", "archived") : null,
    unread(chat),
  );
}

/**
 * @param {"pinned" | "muted" | "archive"} iconName
 * @param {string} text What the icon means.
 */
function mark(iconName, text) {
  return element("span", { title: text }, icon(iconName), element("span", { className: "unseen" }, text));
}

/**
 * Returns the number of unread messages, or a dot for a chat that the owner has marked as unread.
 *
 * @param {Omit<Chat, "image">} chat
 */
function unread({ unreadCount = 0, isMarkedUnread, isMuted }) {
  if (!unreadCount && !isMarkedUnread) return null;
  const count = unreadCount > 99 ? "99+" : String(unreadCount || "");
  const meaning = element("span", { className: "unseen" }, unreadCount ? " unread" : "marked as unread");
  const classes = ["count", isMuted ? "quiet" : "", unreadCount ? "" : "dot"];
  return element("span", { className: classes.filter(Boolean).join(" ") }, count, meaning);
}
