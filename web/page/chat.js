// GET /api/chat → one chat and everybody in it, page by page.

import { readChat } from "./api.js";
import { avatar, titleOf } from "./card.js";
import { element, icon } from "./element.js";
import { Endless } from "./endless.js";
import { ago, exact } from "./moments.js";
import { badge } from "./networks.js";
import { errorNotice } from "./notice.js";

// Why a face is missing, as far as it concerns whoever looks at a chat.
const MISSING = { pending: "picture on its way", failed: "picture could not be fetched" };

export class ChatView {
  #chatId = "";
  #endless = null;
  #back;
  #face = element("div", { className: "face-space" });
  #facts = element("p");
  #active = element("p");
  #people = element("ul", { className: "people", aria: { label: "People" } });
  #status = element("p", { className: "unseen", role: "status" });
  #more = element("button", { type: "button", className: "more", hidden: true }, "More people");

  constructor() {
    this.heading = element("h1", { tabIndex: -1, dir: "auto" });
    this.#back = element("a", { className: "back" }, icon("back"), "All chats");
    // The heading stays in its place: it has the focus.
    const words = element("div", {}, this.heading, this.#facts, this.#active);
    const top = element("div", { className: "chat-top" }, this.#face, words);
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

  /** `back` is the address of the list that it was opened from. */
  open({ chatId, back }) {
    scrollTo(0, 0);
    this.#back.href = back;
    this.#endless?.stop();
    this.#chatId = chatId;
    this.heading.textContent = "Chat";
    for (const one of [this.#face, this.#facts, this.#active, this.#people]) one.replaceChildren();
    this.#endless = new Endless(this.#more, {
      fetchPage: (cursor) => this.#fetch(chatId, cursor),
      failed: (error) => this.#fail(error),
    });
    return this.#endless.next();
  }

  close() {
    this.#endless?.stop();
    this.#chatId = "";
  }

  async #fetch(chatId, participantsCursor) {
    const found = await readChat({ chatId, participantsCursor });
    if (chatId !== this.#chatId) return null;
    this.element.querySelector(".notice")?.remove();
    if (participantsCursor === null) this.#introduce(found.chat);
    this.#people.append(...found.participants.map(person));
    const shown = this.#people.childElementCount;
    this.#status.textContent = `${shown} of ${found.chat.participantCount} people shown`;
    return found.nextParticipantsCursor;
  }

  #introduce(chat) {
    document.title = `${titleOf(chat)} · Chats`;
    this.heading.textContent = titleOf(chat);
    const face = avatar(chat.title, 96, chat.image, chat.facepile);
    this.#face.replaceChildren(element("span", { className: "badged large" }, face, badge(chat.network)));
    this.#facts.textContent = facts(chat).join(" · ");
    if (!chat.lastActivity) return;
    const time = element(
      "time",
      { dateTime: chat.lastActivity, title: exact(chat.lastActivity) },
      ago(chat.lastActivity),
    );
    this.#active.replaceChildren("Last active ", time);
  }

  #fail(error) {
    this.element.querySelector(".notice")?.remove();
    this.#more.before(errorNotice(error, () => this.#endless.next()));
  }
}

function facts(chat) {
  const count = chat.participantCount;
  return [
    chat.type === "group" ? `Group of ${count}` : "Chat",
    chat.network ? `on ${chat.network}` : null,
    chat.unreadCount ? `${chat.unreadCount} unread` : null,
    ...["isPinned", "isMuted", "isArchived"]
      .filter((flag) => chat[flag])
      .map((flag) => flag.slice(2).toLowerCase()),
  ].filter(Boolean);
}

function person({ fullName, username, isSelf, image }) {
  const name = fullName || (username ? `@${username}` : "Unknown");
  const details = [
    isSelf ? "you" : null,
    fullName && username ? `@${username}` : null,
    MISSING[image.status],
  ];
  return element(
    "li",
    {},
    avatar(fullName ?? username, 56, image),
    element(
      "div",
      {},
      element("p", { className: "title", dir: "auto" }, name),
      element("p", { className: "message", dir: "auto" }, details.filter(Boolean).join(" · ")),
    ),
  );
}
