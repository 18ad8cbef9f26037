// GET /api/chats → a list of chats with their faces, newest first. One request a page: it holds everything.

const list = document.querySelector("#chats");
const note = document.querySelector("#note");
const more = document.querySelector("#more");

function element(name, className, ...children) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...children);
  return made;
}

function face(image) {
  if (image.status !== "cached") return element("span", "face", image.initials || "·");
  const picture = new Image(48, 48);
  picture.srcset = `${image.sizes["96"]} 96w, ${image.sizes["192"]} 192w`;
  picture.sizes = "48px";
  picture.src = image.url;
  picture.alt = "";
  picture.loading = "lazy";
  picture.decoding = "async";
  return element("span", "face", picture);
}

function row(chat) {
  const title = chat.title || "Unnamed chat";
  const words = element(
    "div",
    "words",
    element("p", "title", title),
    element("p", "message", chat.lastMessage ?? ""),
  );
  const item = element("li", chat.unreadCount ? "unread" : "", face(chat.image), words);
  item.append(element("span", "network", chat.network ?? ""));
  return item;
}

// The token comes in the fragment, which no server sees, and stays in this tab.
function token() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem("token") ?? "";
}

async function fetchPage(cursor) {
  const query = new URLSearchParams({ limit: "50", participants: "0", ...(cursor && { cursor }) });
  const answer = await fetch(`/api/chats?${query}`, { headers: { Authorization: `Bearer ${token()}` } });
  if (answer.status === 401) throw new Error("no token: open the link that `make run` printed");
  if (!answer.ok) throw new Error(`the API answered ${answer.status}`);
  return answer.json();
}

async function show(cursor) {
  more.disabled = true;
  try {
    const page = await fetchPage(cursor);
    list.append(...page.chats.map(row));
    note.textContent = list.children.length ? "" : "No chats yet: the first sync may still be running.";
    more.hidden = page.nextCursor === null;
    more.onclick = () => show(page.nextCursor);
  } catch (error) {
    note.textContent = `Chats cannot be shown (${error.message}). Reload the page to try again.`;
  } finally {
    more.disabled = false;
  }
}

show(null);
