/**
 * Which sessions to release so that another one fits into the memory of a page.
 * Knows sizes only: neither sessions nor how they are released.
 */

/** Something that takes memory. */
export interface Sized {
  readonly bytes: number;
  /** Whether it is in use right now, and so cannot be released. */
  readonly busy: boolean;
}

/**
 * Which of `held` to release before `wanted` more bytes are taken. It takes no more
 * than needed, from the front of the list, where the least recently used one is.
 * `budget` bounds the sum in bytes. `null` sets no bound. Where `wanted` alone is
 * more than the budget, everything goes that is not busy: the caller takes the
 * bytes in any case, and that succeeds more often when less is held.
 */
export function evictions<T extends Sized>(held: readonly T[], wanted: number, budget: number | null): T[] {
  if (budget === null) return [];
  let sum = held.reduce((total, { bytes }) => total + bytes, wanted);
  const chosen: T[] = [];
  for (const one of held) {
    if (sum <= budget) break;
    if (one.busy) continue;
    chosen.push(one);
    sum -= one.bytes;
  }
  return chosen;
}
