// Explain, retry and forget one image. Changes ask for the admin token first, once.

import { change, explain } from "./api.js";
import { avatar } from "./card.js";
import { confirmed, openDialog, withAdminToken } from "./dialog.js";
import { element } from "./element.js";
import { exact } from "./moments.js";

// The API tells them in UTC, for programs as well.
const MOMENTS = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g;

export async function tellStory(sourceUrl) {
  const dialog = openDialog("The story of this picture", element("p", { role: "status" }, "Asking …"));
  try {
    dialog.fill(...told(await explain(sourceUrl)));
  } catch (error) {
    dialog.fill(element("p", { role: "alert" }, error.message));
  }
}

export async function retryImage(sourceUrl, button) {
  await act(button, "Queued", () => change("images/retry", { sourceUrl }));
}

export async function forgetImage(sourceUrl, button) {
  const text = "Its copies are deleted, and no sync brings it back until somebody asks for it again.";
  if (await confirmed("Forget this picture?", text, "Forget it")) {
    await act(button, "Forgotten", () => change("images/forget", { sourceUrl }));
  }
}

async function act(button, done, request) {
  const answer = await withAdminToken(request);
  if (!answer) return;
  button.textContent = done;
  button.disabled = true;
}

function told(story) {
  const shown = story.shownBy.map(({ chatId, chatTitle }) =>
    element(
      "li",
      {},
      element("a", { href: `#/chat/${encodeURIComponent(chatId)}`, dir: "auto" }, chatTitle ?? "a chat"),
    ),
  );
  return [
    story.image.status === "cached" ? avatar("", 96, story.image) : null,
    ...story.summary.map((sentence) => element("p", {}, sentence.replace(MOMENTS, exact))),
    shown.length ? element("h3", {}, "Shown by") : null,
    shown.length ? element("ul", {}, ...shown) : null,
    element("code", { className: "source" }, story.sourceUrl.slice(0, 500)),
  ];
}
