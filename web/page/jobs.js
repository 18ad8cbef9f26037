// Sync, backfill and retry: begun here, worked on elsewhere, and followed until they are done.

import { change, readJob } from "./api.js";
import { withAdminToken } from "./dialog.js";
import { element } from "./element.js";

const LOOK_EVERY_MS = 1_000;

const JOBS = [
  { label: "Sync now", running: "Reading Beeper's chats", path: "sync" },
  { label: "Fetch missing pictures", running: "Queueing missing pictures", path: "images/backfill" },
  { label: "Retry failed", running: "Trying failed pictures again", path: "images/retry-failed" },
];

export class JobPanel {
  #text = element("p");
  #bar = element("progress", { hidden: true, aria: { label: "Progress" } });
  #changed;

  /** `changed` is called when a job is over. */
  constructor(changed) {
    this.#changed = changed;
    this.buttons = element("div", { className: "jobs" }, ...JOBS.map((job) => this.#button(job)));
    this.element = element("div", { className: "job", role: "status", hidden: true }, this.#text, this.#bar);
  }

  #button(job) {
    return element("button", { type: "button", onclick: () => this.#start(job) }, job.label);
  }

  async #start(job) {
    this.#say(`${job.label}: asking for it …`); // at once: what appears later would move the page
    const accepted = await withAdminToken(() => change(job.path));
    if (!accepted) return this.#hide();
    for (const button of this.buttons.children) button.disabled = true;
    try {
      await this.#follow(job, accepted.jobId);
    } catch (error) {
      this.#say(`${job.label}: ${error.message}`);
    } finally {
      this.#bar.hidden = true;
      for (const button of this.buttons.children) button.disabled = false;
    }
    this.#changed();
  }

  async #follow({ label, running }, jobId) {
    this.#say(`${running} …`);
    this.#bar.hidden = false;
    for (;;) {
      const { status, progress, result } = await readJob(jobId);
      const { queued = 0, waiting = 0 } = progress;
      // What a job has queued goes on becoming pictures after the job itself is done.
      const isOver = status === "failed" || (status === "done" && !waiting);
      if (queued) this.#bar.value = (queued - waiting) / queued;
      else this.#bar.removeAttribute("value");
      this.#say(isOver ? over(label, status, progress, result) : `${running}: ${counted(progress)}`);
      if (isOver) break;
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  #hide() {
    this.element.hidden = true;
  }

  #say(text) {
    this.element.hidden = false;
    if (this.#text.textContent !== text) this.#text.textContent = text;
  }
}

function counted(progress) {
  const told = Object.entries(progress).filter(([, count]) => count);
  return told.map(([name, count]) => `${count} ${name}`).join(", ") || "starting";
}

function over(label, status, progress, result) {
  if (status === "failed")
    return `${label} failed (${result.error ?? "no reason given"}). Its log says more.`;
  const outcome = result.outcome && result.outcome !== "ok" ? ` (${result.outcome})` : "";
  return `${label}: done${outcome}, ${counted(progress) === "starting" ? "nothing to do" : counted(progress)}.`;
}
