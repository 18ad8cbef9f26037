// Shows the faces of 24 chats. A page of another origin needs these lines, avatar.js and thumbhash.js.

/** @import { Chats } from "./page/answers.d.ts" */

const parameters = new URLSearchParams(location.hash.slice(1));
const base = parameters.get("base") ?? "";
// The stored token belongs to this page's own API. A link must not be able to send it to the host that the link names.
const token = parameters.get("token") ?? (base ? null : sessionStorage.getItem("read-token"));
const list = /** @type {HTMLElement} */ (document.querySelector("#faces"));
const note = /** @type {HTMLElement} */ (document.querySelector("#note"));

async function showFaces() {
  const headers = { Authorization: `Bearer ${token}` };
  const answer = await fetch(`${base}/api/chats?limit=24`, { headers });
  if (!answer.ok) throw new Error(`the API answered with status ${answer.status}`);
  const { chats } = /** @type {Chats} */ (await answer.json());
  for (const chat of chats) {
    const avatar = document.createElement("chat-avatar");
    avatar.image = chat.image;
    avatar.faces = chat.facepile;
    avatar.name = chat.title;
    avatar.size = 64;
    avatar.base = base;
    const item = document.createElement("li");
    item.append(avatar);
    list.append(item);
  }
  note.textContent = `${chats.length} chats from ${base || "the API of this page"}`;
}

if (token) {
  showFaces().catch((error) => (note.textContent = `The faces cannot be shown: ${error.message}`));
}
