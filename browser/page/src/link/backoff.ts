/** How long to wait before the next attempt to reopen a socket. Knows no socket and no clock. */

/** The first wait, in ms. */
export const FIRST_MS = 250;
/** The longest wait, in ms. */
export const LONGEST_MS = 8_000;
/** The time without a socket, in ms, after which the page gives up. */
export const GIVE_UP_MS = 60_000;

/**
 * Milliseconds to wait before attempt `attempt` (from 0). The wait is exponential.
 * Its upper half is random, so that pages which lost the same host do not all come
 * back at once. `null` means to give up: `elapsed` ms without a socket are enough.
 */
export function waitBefore(attempt: number, elapsed: number, random: () => number = Math.random): number | null {
  if (elapsed >= GIVE_UP_MS) return null;
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 30));
  const wait = ceiling / 2 + (random() * ceiling) / 2;
  return Math.min(wait, GIVE_UP_MS - elapsed);
}
