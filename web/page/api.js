// Sends requests to the API of this page's own origin, with the right token, and turns failures into ApiError.

import { tokenFor } from "./tokens.js";

/** @import * as Answer from "./answers.d.ts" */
/** @import { TokenKind } from "./tokens.js" */

/**
 * A request failed. `message` is a sentence for the reader. `status` is the HTTP status, 0 without any answer; 401 for
 * every token that is missing or not valid, and 403 for the read token where a request takes the admin token.
 */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

/** @type {Map<string, { etag: string, content: any, at: number }>} The last pages of chats, by their path. */
const kept = new Map();
const MOST_KEPT = 30;

/**
 * Reads a page of chats. A page that was read before is requested only if it has changed.
 *
 * @param {{ limit: number, filter: string, participants: number, cursor?: string | null, title?: string | null,
 *   accountId?: string | null }} query
 * @param {number} [maxAge] A page that was read so many ms ago, or later, is not requested again.
 * @returns {Promise<Answer.Chats>} The same object as before if the page has not changed.
 */
export async function listChats(query, maxAge = 0) {
  const path = `/api/chats?${parameters(query)}`;
  const known = kept.get(path);
  if (known && performance.now() - known.at < maxAge) return known.content;
  return await ask(path, { known, keep: true });
}

/**
 * Reads a chat with a page of its members.
 *
 * @param {{ chatId: string, participantsCursor: string | null }} query
 * @returns {Promise<Answer.ChatDetail>}
 */
export const readChat = (query) => ask(`/api/chat?${parameters(query)}`);

/**
 * Reads how Beeper answered the last sync.
 *
 * @returns {Promise<Answer.Origin>}
 */
export async function readOrigin() {
  const status = /** @type {Answer.Status} */ (await ask("/api/status"));
  return status.origin;
}

/**
 * Reads which accounts Beeper had at the last sync.
 *
 * @returns {Promise<Answer.AccountName[]>}
 */
export async function readAccounts() {
  const status = /** @type {Answer.Status} */ (await ask("/api/status?fields=all"));
  return status.accounts ?? [];
}

/** @returns {Promise<Answer.Stats>} */
export const readStats = () => ask("/api/stats");

/**
 * Reads a page of cached images by their status.
 *
 * @param {{ status: string, cursor: string | null }} query
 * @returns {Promise<Answer.ImageRows>}
 */
export const listImages = (query) => ask(`/api/images?${parameters(query)}`);

/**
 * Reads a page of the faces whose picture is not cached.
 *
 * @param {{ cursor: string | null }} query
 * @returns {Promise<Answer.References>}
 */
export const listUncached = (query) => ask(`/api/images/uncached?${parameters(query)}`);

/**
 * Reads the pictures that a member of a chat may show, or without a `participantId` the chat itself.
 *
 * @param {{ chatId: string, participantId?: string }} query
 * @returns {Promise<Answer.PicturesOfPlace>}
 */
export const picturesOf = (query) => ask(`/api/chat/pictures?${parameters(query)}`);

/**
 * Reads the story of a picture.
 *
 * @param {string} sourceUrl
 * @returns {Promise<Answer.Story>}
 */
export const explain = (sourceUrl) => ask("/api/images/explain", { body: { sourceUrl } });

/**
 * Requests a change, with the admin token.
 *
 * @param {string} path The path below `/api/`.
 * @param {object} [body]
 * @returns {Promise<Answer.Accepted>} The answer; only jobs answer with a `jobId`.
 */
export const change = (path, body = {}) => ask(`/api/${path}`, { body, token: "admin" });

/**
 * Reads the state of a job.
 *
 * @param {string} jobId
 * @returns {Promise<Answer.Job>}
 */
export const readJob = (jobId) => ask(`/api/jobs/${encodeURIComponent(jobId)}`, { token: "admin" });

/**
 * @typedef {object} Connection Whose chats the server of `make run` shows.
 * @property {"demo" | "connected" | "token"} account Made-up chats, or those of a Beeper that a person has connected, or
 *   has given a token of.
 * @property {boolean} [isBeeperFound] Whether Beeper runs on this machine; only beside made-up chats.
 */

/**
 * Reads how the server of `make run` is connected to Beeper. On AWS there is no such route.
 *
 * @returns {Promise<Connection>}
 */
export const readConnection = () => ask("/_local/connection");

/**
 * Starts a connection to Beeper.
 *
 * @returns {Promise<{ authorizationUrl: string }>} The page of Beeper on which the reader allows it.
 */
export const startConnecting = () => ask("/_local/connect", { body: {} });

/**
 * Ends the connection to Beeper.
 *
 * @returns {Promise<{ isRevoked: boolean }>} False if Beeper could not be told.
 */
export const disconnect = () => ask("/_local/disconnect", { body: {} });

/**
 * Returns the query string of all values that are set.
 *
 * @param {Record<string, string | number | null | undefined>} query
 * @returns {string}
 */
function parameters(query) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined) given.set(name, String(value));
  }
  return given.toString();
}

/**
 * Sends a request: POST with a body, GET without one.
 *
 * @param {string} path
 * @param {{ body?: object, token?: TokenKind, known?: { etag: string, content: any }, keep?: boolean }} [options] `known`
 *   is an earlier answer, which is returned again if it has not changed. `keep` keeps the answer for that.
 * @returns {Promise<any>} The JSON of the answer.
 * @throws {ApiError} If there is no answer, or one that reports an error.
 */
async function ask(path, { body, token = "read", known, keep = false } = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method: body ? "POST" : "GET",
      headers: {
        Authorization: `Bearer ${tokenFor(token)}`,
        ...(body && { "Content-Type": "application/json" }),
        ...(known && { "If-None-Match": known.etag }),
      },
      body: body && JSON.stringify(body),
      redirect: "error", // A redirect could lead the token to another host.
    });
  } catch {
    throw new ApiError(
      0,
      "The server does not answer. Check your network connection and that the server is running, then try again.",
    );
  }
  const isKnown = known && answer.status === 304;
  const content = isKnown ? known.content : await answer.json().catch(() => null);
  if ((answer.ok || isKnown) && content) {
    if (keep) keepAnswer(path, isKnown ? known.etag : answer.headers.get("ETag"), content);
    return content;
  }
  throw new ApiError(
    answer.status,
    content?.message ?? `The server answered with status ${answer.status}. Try again in a minute.`,
  );
}

/**
 * Keeps the answer to a request, and forgets the oldest one of too many.
 *
 * @param {string} path
 * @param {string | null} etag Null if the server names no version; the answer is not kept then.
 * @param {any} content
 */
function keepAnswer(path, etag, content) {
  kept.delete(path);
  if (etag) kept.set(path, { etag, content, at: performance.now() });
  if (kept.size > MOST_KEPT) kept.delete(/** @type {string} */ (kept.keys().next().value));
}
