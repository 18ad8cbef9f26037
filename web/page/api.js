// The API of this page's own origin: requests with the right token, and errors in sentences.

import { tokenFor } from "./tokens.js";

/** Something went wrong; `message` says what to do. `status` is 0 when nothing answered. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const listChats = (query) => ask(`/api/chats?${parameters(query)}`);
export const readChat = (query) => ask(`/api/chat?${parameters(query)}`);
export const readHealth = () => ask("/api/health");
export const readStats = () => ask("/api/stats");
export const listImages = (query) => ask(`/api/images?${parameters(query)}`);
export const listUncached = (query) => ask(`/api/images/uncached?${parameters(query)}`);
export const explain = (sourceUrl) => ask("/api/images/explain", { body: { sourceUrl } });

/** Changes take the admin token. */
export const change = (what, body = {}) => ask(`/api/${what}`, { body, token: "admin" });
export const readJob = (jobId) => ask(`/api/jobs/${encodeURIComponent(jobId)}`, { token: "admin" });

function parameters(query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  return new URLSearchParams(given);
}

async function ask(path, { body, token = "read" } = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method: body ? "POST" : "GET",
      headers: {
        Authorization: `Bearer ${tokenFor(token)}`,
        ...(body && { "Content-Type": "application/json" }),
      },
      body: body && JSON.stringify(body),
      redirect: "error", // a token goes nowhere else
    });
  } catch {
    throw new ApiError(
      0,
      "The server does not answer. Check the network, or start it again, and try once more.",
    );
  }
  const content = await answer.json().catch(() => null);
  if (answer.ok && content) return content;
  throw new ApiError(
    answer.status,
    content?.message ?? `The server answered ${answer.status}. Try again in a minute.`,
  );
}
