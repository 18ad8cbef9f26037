// All that another page needs beside avatar.js: a request, and an element for each answer.

const given = new URLSearchParams(location.hash.slice(1));
const base = given.get("base") ?? "";
const token = given.get("token") ?? sessionStorage.getItem("read-token");

async function showFaces() {
  const answer = await fetch(`${base}/api/chats?limit=24`, { headers: { Authorization: `Bearer ${token}` } });
  if (!answer.ok) throw new Error(`the API answered ${answer.status}`);
  const { chats } = await answer.json();
  for (const chat of chats) {
    const avatar = document.createElement("chat-avatar");
    Object.assign(avatar, {
      image: chat.image,
      faces: chat.facepile,
      name: chat.title ?? "",
      size: 64,
      base,
    });
    const item = document.createElement("li");
    item.append(avatar);
    document.querySelector("#faces").append(item);
  }
  document.querySelector("#note").textContent = `${chats.length} chats from ${base || "this page's own API"}`;
}

if (token) {
  showFaces().catch((error) => (document.querySelector("#note").textContent = `No faces: ${error.message}`));
}
