// Draws the badge of a network, which is shown in the corner of an avatar.

import { drawing, element } from "./element.js";

const UNKNOWN_NETWORK_COLOR = "#59616e";

// The drawings resemble the networks' marks; they are not the networks' own logos.
/** @type {Record<string, { color: string, path: string }>} */
const BADGES = {
  whatsapp: {
    color: "#128c4b",
    path:
      "M5.2 3.5c-.9.5-1.5 1.4-1.2 2.8.5 2.6 2.9 5.1 5.7 5.9 1.3.3 2.3-.3 2.8-1.3l-2.1-1.5-1 .8C8.2 9.7 6.8 8.3 6.2 6.9l.8-1z",
  },
  instagram: {
    color: "#c13584",
    path:
      "M5.5 3h5A2.5 2.5 0 0 1 13 5.5v5a2.5 2.5 0 0 1-2.5 2.5h-5A2.5 2.5 0 0 1 3 10.5v-5A2.5 2.5 0 0 1 5.5 3Zm0 1.3c-.7 0-1.2.5-1.2 1.2v5c0 .7.5 1.2 1.2 1.2h5c.7 0 1.2-.5 1.2-1.2v-5c0-.7-.5-1.2-1.2-1.2zM8 5.7a2.3 2.3 0 1 1 0 4.6 2.3 2.3 0 0 1 0-4.6Z",
  },
  signal: {
    color: "#3a5bd9",
    path:
      "M8 3.2c2.7 0 4.9 2 4.9 4.5S10.7 12.2 8 12.2c-.7 0-1.3-.1-1.9-.3L3.3 13l.6-2.4A4.3 4.3 0 0 1 3.1 7.7C3.1 5.2 5.3 3.2 8 3.2Z",
  },
  telegram: {
    color: "#1b7fb8",
    path: "M13.3 3.5 2.5 7.7l3.1 1.2 1.1 3.6 1.7-1.9 2.8 2zM6.5 8.6l4.3-3.1-3.4 3.8-.2 1.3z",
  },
  imessage: {
    color: "#1d8a34",
    path:
      "M8 3.5c2.9 0 5.2 1.8 5.2 4.1S10.9 11.7 8 11.7c-.5 0-1-.1-1.5-.2-.6.6-1.5 1-2.6 1.1.5-.5.8-1.1.8-1.8C3.5 10.1 2.8 8.9 2.8 7.6c0-2.3 2.3-4.1 5.2-4.1Z",
  },
  discord: {
    color: "#5059d6",
    path:
      "M5.8 3.8 4.1 4.5C3.1 6.3 2.6 8.5 2.7 11c.9.7 1.9 1.1 2.9 1.3l.7-1.1h3.4l.7 1.1c1-.2 2-.6 2.9-1.3.1-2.5-.4-4.7-1.4-6.5l-1.7-.7-.6 1H6.4zM6.3 7a1.1 1.1 0 1 1 0 2.2 1.1 1.1 0 0 1 0-2.2Zm3.4 0a1.1 1.1 0 1 1 0 2.2 1.1 1.1 0 0 1 0-2.2Z",
  },
};

/**
 * Returns how the badge of a network looks: its drawing, or the first letter of a network that has none here.
 *
 * @param {string} network The name of the network; case, spaces and punctuation do not matter.
 * @returns {{ color: string, path: string | null, letter: string | null }}
 */
export function badgeOf(network) {
  const name = network.toLowerCase().replace(/[^a-z]/g, "");
  if (Object.hasOwn(BADGES, name)) return { ...BADGES[name], letter: null };
  return { color: UNKNOWN_NETWORK_COLOR, path: null, letter: [...network][0].toUpperCase() };
}

/**
 * Draws the badge of a network.
 *
 * @param {string | undefined} network
 * @returns {HTMLSpanElement | null} Null if the network is unknown.
 */
export function badge(network) {
  if (!network) return null;
  const { color, path, letter } = badgeOf(network);
  const mark = path ? drawing(path, "mark") : letter;
  const made = element("span", { className: "badge", title: network, aria: { hidden: "true" } }, mark);
  made.style.setProperty("--badge", color);
  return made;
}
