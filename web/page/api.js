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

/**
 * Reads a page of chats.
 *
 * @param {{ limit: number, filter: string, participants: number, cursor?: string | null, title?: string | null,
 *   accountId?: string | null }} query
 * @returns {Promise<Answer.Chats>}
 */
export const listChats = (query) => ask(`/api/chats?${parameters(query)}`);

/**
 * Reads a chat with a page of its members.
 *
 * @param {{ chatId: string, participantsCursor: string | null }} query
 * @returns {Promise<Answer.ChatDetail>}
 */
export const readChat = (query) => ask(`/api/chat?${parameters(query)}`);

/**
 * Reads how Beeper answered the last sync, and when the agent was seen.
 *
 * @returns {Promise<Answer.Status>}
 */
export const readStatus = () => ask("/api/status");

/**
 * Reads how Beeper answered the last sync.
 *
 * @returns {Promise<Answer.Origin>}
 */
export async function readOrigin() {
  const status = await readStatus();
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
 * @param {{ body?: object, token?: TokenKind }} [options]
 * @returns {Promise<any>} The JSON of the answer.
 * @throws {ApiError} If there is no answer, or one that reports an error.
 */
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
      redirect: "error", // A redirect could lead the token to another host.
    });
  } catch {
    throw new ApiError(
      0,
      "The server does not answer. Check your network connection and that the server is running, then try again.",
    );
  }
  const content = await answer.json().catch(() => null);
  if (answer.ok && content) return content;
  throw new ApiError(
    answer.status,
    content?.message ?? `The server answered with status ${answer.status}. Try again in a minute.`,
  );
}
