// Offers to connect the reader's Beeper, beside the made-up chats and when Beeper refuses the connection. Only the
// server of `make run` can connect one, so nothing of this is shown or requested at another address.

import { disconnect, readConnection, startConnecting } from "./api.js";
import { element } from "./element.js";
import { sentence } from "./notice.js";
import { tokenFor } from "./tokens.js";

/** @import { ApiError, Connection } from "./api.js" */

const OWN_NAMES = ["127.0.0.1", "localhost", "[::1]"];
const DECLINED = "no-connection"; // in sessionStorage, after "Not now"

/** Returns whether the page comes from the reader's own computer, where requests cost nothing. */
export const isOwnComputer = () => OWN_NAMES.includes(location.hostname);

/**
 * Reads how this page's server is connected to Beeper.
 *
 * @returns {Promise<Connection | null>} Null if the server cannot connect one, or does not answer.
 */
export async function connection() {
  if (!isOwnComputer() || !tokenFor("read")) return null;
  return await readConnection().catch(() => null);
}

/**
 * Leads the browser to the page of Beeper that asks for permission; from there it comes back to this page.
 *
 * @param {HTMLElement} problem Shows why Beeper cannot be connected.
 */
export async function connect(problem) {
  problem.textContent = "";
  try {
    const { authorizationUrl } = await startConnecting();
    location.assign(authorizationUrl);
  } catch (error) {
    problem.textContent = sentence(/** @type {ApiError} */ (error).message);
  }
}

/**
 * Makes the button that connects Beeper, and the place for its problem.
 *
 * @param {string} label
 */
export function connectButton(label) {
  const problem = element("p", { role: "alert" });
  const button = element("button", { type: "button", onclick: () => connect(problem) }, label);
  return { button, problem };
}

/**
 * Shows beside the made-up chats that they are made up, with a button that connects Beeper.
 *
 * @param {HTMLElement} box
 */
export async function offerConnection(box) {
  if (sessionStorage.getItem(DECLINED)) return;
  const text = offerText(await connection());
  if (!text) return;
  const { button, problem } = connectButton("Connect your Beeper");
  button.className = "primary";
  const decline = () => {
    sessionStorage.setItem(DECLINED, "1");
    box.hidden = true;
  };
  const later = element("button", { type: "button", onclick: decline }, "Not now");
  box.replaceChildren(element("p", {}, text), button, later, problem);
  box.hidden = false;
}

/**
 * Returns the text beside the made-up chats, or an empty string if the chats are real.
 *
 * @param {Connection | null} connection
 */
export function offerText(connection) {
  if (connection?.account !== "demo") return "";
  if (connection.isBeeperFound) {
    return "These chats are made up. Beeper is running: connect it to see your own chats.";
  }
  return "These chats are made up. To see your own, open Beeper Desktop and switch on its API " +
    "(Settings → Integrations).";
}

/**
 * Makes a button that ends the connection to Beeper.
 *
 * @param {() => Promise<boolean>} confirm Asks the reader first.
 */
export function disconnectButton(confirm) {
  const problem = element("p", { role: "alert" });
  const end = async () => {
    if (!(await confirm())) return;
    try {
      const { isRevoked } = await disconnect();
      if (isRevoked) location.reload();
      else problem.textContent = NOT_REVOKED;
    } catch (error) {
      problem.textContent = sentence(/** @type {ApiError} */ (error).message);
    }
  };
  const button = element("button", { type: "button", onclick: end }, "Disconnect Beeper");
  return element("div", { className: "disconnect" }, button, problem);
}

const NOT_REVOKED =
  "Beeper is disconnected here, but could not be told. Remove “Chat Image Cache” in its settings, " +
  "too: Integrations, Approved connections.";
