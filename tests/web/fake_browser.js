// Stands in for the parts of a browser that modules of the page use, in tests that run in Node.

/** @import { TestContext } from "node:test" */

/**
 * Defines global variables for the duration of one test.
 *
 * @param {TestContext} context
 * @param {Record<string, unknown>} values
 */
export function setGlobals(context, values) {
  for (const [name, value] of Object.entries(values)) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    context.after(() => {
      if (before) Object.defineProperty(globalThis, name, before);
      else Reflect.deleteProperty(globalThis, name);
    });
  }
}

/** Holds what a page has stored in sessionStorage or localStorage. */
export class FakeStorage {
  /** @param {Record<string, string>} [items] */
  constructor(items = {}) {
    this.items = new Map(Object.entries(items));
  }

  /** @param {string} key */
  getItem(key) {
    return this.items.get(key) ?? null;
  }

  /**
   * @param {string} key
   * @param {string} value
   */
  setItem(key, value) {
    this.items.set(key, value);
  }

  /** @param {string} key */
  removeItem(key) {
    this.items.delete(key);
  }
}

/** Answers requests like an API, and keeps what was requested. */
export class FakeServer {
  /** @type {{ url: string, method: string, token: string | null, body: unknown, redirect: string | undefined }[]} */
  requests = [];
  #answers;

  /**
   * @param {Record<string, { status?: number, body?: unknown }>} answers By the path without its query. A body that is
   *   not JSON is a string; a path that is missing here does not answer at all.
   */
  constructor(answers) {
    this.#answers = answers;
  }

  /**
   * @param {string} url
   * @param {RequestInit} [init]
   */
  fetch = (url, init = {}) => {
    const token = new Headers(init.headers).get("Authorization")?.replace(/^Bearer ?/, "") ?? null;
    const body = typeof init.body === "string" ? JSON.parse(init.body) : null;
    this.requests.push({ url, method: init.method ?? "GET", token, body, redirect: init.redirect });
    const answer = this.#answers[url.split("?")[0]];
    if (!answer) return Promise.reject(new TypeError("fetch failed"));
    const text = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body);
    return Promise.resolve(new Response(text, { status: answer.status ?? 200 }));
  };
}
