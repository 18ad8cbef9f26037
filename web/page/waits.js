// Says how long a tab that waits for something pauses between two requests. Each request costs the owner something, and
// a tab may stay open for months.

export const FIRST_WAIT_MS = 3_000;
export const LONGEST_WAIT_MS = 300_000;
const FACTOR = 1.5;

/**
 * Returns the wait after a wait that was in vain.
 *
 * @param {number} wait In ms.
 * @returns {number}
 */
export const longerWait = (wait) => Math.min(wait * FACTOR, LONGEST_WAIT_MS);
