// Shows one chat and all its members, page by page.

import { readChat } from "./api.js";
import { avatar, badgedAvatar, titleOf } from "./card.js";
import { element, icon } from "./element.js";
import { Endless } from "./endless.js";
import { faceButton } from "./face.js";
import { ago, exact } from "./moments.js";
import { errorNotice } from "./notice.js";

/** @import { ApiError } from "./api.js" */
/** @import { Chat, Participant } from "./answers.d.ts" */

/** @type {Partial<Record<string, string>>} */
const MISSING_PICTURE = { pending: "picture on its way", failed: "picture could not be fetched" };

/** The view of one chat. `element` is the view, and `heading` takes the focus when it opens. */
export class ChatView {
  #chatId = "";
  /** @type {Endless | null} */
  #endless = null;
  #back;
  #face = element("div", { className: "face-space" });
  #facts = element("p");
  #lastActive = element("p");
  #people = element("ul", { className: "people", aria: { label: "People" } });
  #status = element("p", { className: "unseen", role: "status" });
  #more = element("button", { type: "button", className: "more", hidden: true }, "More people");

  constructor() {
    this.heading = element("h1", { tabIndex: -1, dir: "auto" });
    this.#back = element("a", { className: "back" }, icon("back"), "All chats");
    // The heading has the focus, so it is changed in place instead of being replaced.
    const texts = element("div", {}, this.heading, this.#facts, this.#lastActive);
    const top = element("div", { className: "chat-top" }, this.#face, texts);
    this.element = element(
      "section",
      { className: "chat-view" },
      this.#back,
      top,
      this.#status,
      this.#people,
      this.#more,
    );
  }

  /**
   * Shows a chat.
   *
   * @param {{ chatId: string, back: string }} route `back` is the address of the list from which the chat was opened.
   */
  open({ chatId, back }) {
    scrollTo(0, 0);
    this.#back.href = back;
    this.#endless?.stop();
    this.#chatId = chatId;
    this.heading.textContent = "Chat";
    for (const part of [this.#face, this.#facts, this.#lastActive, this.#people]) part.replaceChildren();
    this.#endless = new Endless(this.#more, {
      fetchPage: (cursor) => this.#fetch(chatId, cursor),
      failed: (error) => this.#fail(error),
    });
    this.#endless.next();
  }

  close() {
    this.#endless?.stop();
    this.#chatId = "";
  }

  /** Returns to the list from which the chat was opened. */
  leave() {
    location.hash = this.#back.hash;
  }

  /**
   * @param {string} chatId
   * @param {string | null} participantsCursor
   */
  async #fetch(chatId, participantsCursor) {
    const answer = await readChat({ chatId, participantsCursor });
    if (chatId !== this.#chatId) return null; // Another chat was opened in the meantime.
    this.element.querySelector(".notice")?.remove();
    if (participantsCursor === null) this.#introduce(answer.chat);
    this.#people.append(...answer.participants.map((participant) => person(chatId, participant)));
    const shown = this.#people.childElementCount;
    this.#status.textContent = `${shown} of ${answer.chat.participantCount} people shown`;
    return answer.nextParticipantsCursor;
  }

  /** @param {Chat} chat */
  #introduce(chat) {
    document.title = `${titleOf(chat)} · Chats`;
    this.heading.textContent = titleOf(chat);
    const face = badgedAvatar(chat, 96);
    const button = faceButton(face.element, face.avatar, titleOf(chat), { chatId: chat.chatId });
    this.#face.replaceChildren(button);
    this.#facts.textContent = facts(chat).join(" · ");
    if (!chat.lastActivity) return;
    const properties = { dateTime: chat.lastActivity, title: exact(chat.lastActivity) };
    const time = element("time", properties, ago(chat.lastActivity));
    this.#lastActive.replaceChildren("Last active ", time);
  }

  /** @param {ApiError} error */
  #fail(error) {
    this.element.querySelector(".notice")?.remove();
    this.#more.before(errorNotice(error, () => this.#endless?.next()));
  }
}

/**
 * Returns what the line below a chat's title says.
 *
 * @param {Chat} chat
 * @returns {string[]}
 */
export function facts(chat) {
  const texts = [chat.type === "group" ? `Group of ${chat.participantCount}` : "Chat"];
  if (chat.network) texts.push(`on ${chat.network}`);
  if (chat.unreadCount) texts.push(`${chat.unreadCount} unread`);
  else if (chat.isMarkedUnread) texts.push("marked as unread");
  if (chat.isPinned) texts.push("pinned");
  if (chat.isMuted) texts.push("muted");
  if (chat.isArchived) texts.push("archived");
  else if (chat.isLowPriority) texts.push("low priority");
  if (chat.mergedInto) texts.push("merged into another chat");
  return texts;
}

/**
 * @param {string} chatId
 * @param {Participant} participant
 */
function person(chatId, { participantId, fullName, username, isSelf, image }) {
  const name = fullName || (username ? `@${username}` : "Unknown");
  const details = [];
  if (isSelf) details.push("you");
  if (fullName && username) details.push(`@${username}`);
  const missing = MISSING_PICTURE[image.status];
  if (missing) details.push(missing);
  const face = avatar(fullName ?? username, 56, image);
  return element(
    "li",
    {},
    faceButton(face, face, name, { chatId, participantId }),
    element(
      "div",
      {},
      element("p", { className: "title", dir: "auto" }, name),
      element("p", { className: "message", dir: "auto" }, details.join(" · ")),
    ),
  );
}
