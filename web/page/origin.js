// Describes in sentences the state of Beeper and of the agent, for the banner and for an empty list of chats.

import { exact } from "./moments.js";

/** @import { Agent, Origin } from "./answers.d.ts" */

/**
 * Returns the text of the banner, or an empty string if Beeper needs no attention.
 *
 * @param {Origin} origin
 * @param {boolean} hasChats True if any chats have been read so far.
 * @param {{ canConnect?: boolean, agent?: Agent | null }} [options] `canConnect` says that the banner has a button to
 *   connect Beeper again. `agent` is null if none reads Beeper.
 * @returns {string}
 */
export function bannerText(origin, hasChats, { canConnect = false, agent = null } = {}) {
  const problem = canConnect ? REFUSED_CONNECTION : problemOf(origin, agent);
  if (!problem) return "";
  if (!hasChats) return `${problem.what}, so no chats have been read yet. ${problem.advice}`;
  const moment = origin.since ?? origin.checkedAt;
  const age = moment ? `are as of ${exact(moment)}` : "may be old";
  return `${problem.what}: chats and pictures ${age}. ${problem.advice}`;
}

/**
 * Returns what the banner says of an agent that does not run, or an empty string.
 *
 * @param {Agent | null | undefined} agent Null if there is none; an older server does not say.
 * @returns {string}
 */
export function agentText(agent) {
  if (!agent || agent.state === "running") return "";
  if (!agent.lastSeenAt) return `The agent on Beeper's computer has never been seen. ${START_AGENT}`;
  const seen = `The agent on Beeper's computer was last seen ${exact(agent.lastSeenAt)}`;
  return agent.state === "stopped"
    ? `${seen}, when it was stopped. ${START_AGENT}`
    : `${seen}. ${WAKE_COMPUTER}`;
}

const START_AGENT = "Start it there: imagecache agent --stack NAME.";
const WAKE_COMPUTER = "When that computer is on and connected, new chats and pictures follow.";

/**
 * Returns the text of a list without any chats.
 *
 * @param {Origin | null} origin Null if it is unknown.
 * @param {Agent | null} [agent] Null if no agent reads Beeper.
 * @returns {string}
 */
export function noChatsText(origin, agent = null) {
  const problem = origin && problemOf(origin, agent);
  if (problem) return `${problem.what}. ${problem.advice} This page looks again by itself.`;
  if (origin?.state === "ok") {
    return "Beeper is connected, and chats appear as soon as a sync has read them. This page looks again by itself.";
  }
  return "Chats appear when the first sync has read them from Beeper. This page looks again by itself.";
}

const REFUSED_CONNECTION = {
  what: "Beeper refuses the connection",
  advice: "Connect it again.",
};

/** @typedef {Partial<Record<Origin["state"], { what: string, advice: string }>>} Problems */

/** @type {Problems} */
const PROBLEMS = {
  offline: {
    what: "Beeper is offline",
    advice: "Open Beeper on its computer; the next sync then reads what is missing.",
  },
  unauthorized: {
    what: "Beeper refuses the server's token",
    advice:
      "Create a read-only token in Beeper's settings, and store it (`make secrets` on AWS, BEEPER_TOKEN for `make run`).",
  },
};

/** @type {Problems} */
const PROBLEMS_WITH_AGENT = {
  offline: {
    what: "Beeper is offline",
    advice: "Start Beeper Desktop on the agent's computer; the next sync then reads what is missing.",
  },
  unauthorized: {
    what: "Beeper refuses the agent's token",
    advice:
      "Connect Beeper again with `make run` in the agent's clone, or set BEEPER_TOKEN and run `imagecache agent install --stack NAME` again.",
  },
};

/**
 * @param {Origin} origin
 * @param {Agent | null | undefined} agent
 */
function problemOf(origin, agent) {
  return (agent ? PROBLEMS_WITH_AGENT : PROBLEMS)[origin.state];
}
