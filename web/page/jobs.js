// Starts jobs (sync, backfill, retry) and follows their progress until they are over.

import { change, readJob } from "./api.js";
import { withAdminToken } from "./dialog.js";
import { element } from "./element.js";

/** @import { ApiError } from "./api.js" */
/** @import { Job } from "./answers.d.ts" */

/**
 * @typedef {object} JobButton
 * @property {string} label
 * @property {string} running What the job does while it runs.
 * @property {string} path The path of the API that starts it.
 */

const INTERVAL_MS = 1_000;

/** @type {JobButton[]} */
const JOBS = [
  { label: "Sync now", running: "Reading chats from Beeper", path: "sync" },
  { label: "Fetch missing pictures", running: "Queueing missing pictures", path: "images/backfill" },
  { label: "Retry failed", running: "Queueing failed pictures again", path: "images/retry-failed" },
];

/** The buttons that start jobs, and the progress of the job that runs. */
export class JobPanel {
  #text = element("p");
  #bar = element("progress", { hidden: true, aria: { label: "Progress" } });
  #onOver;
  #buttons = JOBS.map((job) =>
    element("button", { type: "button", onclick: () => this.#start(job) }, job.label)
  );

  /** @param {() => void} onOver Called when a job is over. */
  constructor(onOver) {
    this.#onOver = onOver;
    this.buttons = element("div", { className: "jobs" }, ...this.#buttons);
    this.element = element("div", { className: "job", role: "status", hidden: true }, this.#text, this.#bar);
  }

  /** @param {JobButton} job */
  async #start(job) {
    this.#say(`${job.label}: starting …`); // Shown at once, because a panel that appears later moves the page.
    const accepted = await withAdminToken(() => change(job.path));
    if (!accepted) {
      this.element.hidden = true;
      return;
    }
    this.#setDisabled(true);
    try {
      await this.#follow(job, accepted.jobId);
    } catch (error) {
      this.#say(`${job.label}: ${/** @type {ApiError} */ (error).message}`);
    } finally {
      this.#bar.hidden = true;
      this.#setDisabled(false);
    }
    this.#onOver();
  }

  /**
   * Shows the progress of a job until it is over.
   *
   * @param {JobButton} button
   * @param {string} jobId
   */
  async #follow({ label, running }, jobId) {
    this.#say(`${running} …`);
    this.#bar.hidden = false;
    for (;;) {
      const job = await readJob(jobId);
      const share = shareDone(job);
      if (share === null) this.#bar.removeAttribute("value");
      else this.#bar.value = share;
      if (isOver(job)) return this.#say(outcomeText(label, job));
      this.#say(`${running}: ${countsText(job.progress) || "starting"}`);
      await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
    }
  }

  /** @param {boolean} isDisabled */
  #setDisabled(isDisabled) {
    for (const button of this.#buttons) button.disabled = isDisabled;
  }

  /** @param {string} text */
  #say(text) {
    this.element.hidden = false;
    if (this.#text.textContent !== text) this.#text.textContent = text;
  }
}

/**
 * Returns true when nothing more will change. The pictures that a job has queued are still downloaded after the job
 * itself is done.
 *
 * @param {Pick<Job, "status" | "progress">} job
 * @returns {boolean}
 */
export function isOver({ status, progress }) {
  return status === "failed" || (status === "done" && !progress.waiting);
}

/**
 * Returns how much of the queued pictures is downloaded.
 *
 * @param {Pick<Job, "progress">} job
 * @returns {number | null} From 0 to 1, or null if that is not known: nothing is queued, or too many pictures wait
 * for the API to count how many are done.
 */
export function shareDone({ progress }) {
  const { queued, waiting, done } = progress;
  return queued && done !== undefined ? (queued - waiting) / queued : null;
}

/**
 * Returns the counts that are not zero, for example "180 chats, 12 queued".
 *
 * @param {Record<string, number>} progress
 * @returns {string}
 */
export function countsText(progress) {
  return Object.entries(progress)
    .filter(([, count]) => count)
    .map(([name, count]) => `${count} ${inWords(name)}`)
    .join(", ");
}

/**
 * Returns the sentence for a job that is over.
 *
 * @param {string} label
 * @param {Pick<Job, "status" | "progress" | "result">} job
 * @returns {string}
 */
export function outcomeText(label, { status, progress, result }) {
  if (status === "failed") {
    const reason = result.error ?? "no reason was given";
    return `${label} failed: ${reason}. The log of the server has the details.`;
  }
  const outcome = result.outcome && result.outcome !== "ok" ? ` (${inWords(result.outcome)})` : "";
  return `${label}: done${outcome}, ${countsText(progress) || "there was nothing to do"}.`;
}

/**
 * Returns a name of the API in words: "unnamedBytes" as "unnamed bytes", "queue_full" as "queue full".
 *
 * @param {string} name
 * @returns {string}
 */
function inWords(name) {
  return name
    .replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .replaceAll("_", " ")
    .trim();
}
