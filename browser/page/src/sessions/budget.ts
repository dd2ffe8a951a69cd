/**
 * What to let go of so that another session fits into a page's memory. Knows
 * numbers only: neither sessions nor how they are let go of.
 */

/** Something that takes memory. */
export interface Sized {
  readonly bytes: number;
  /** Whether it is in use right now, and so cannot be let go of. */
  readonly busy: boolean;
}

/**
 * Which of `held` to let go of before `wanted` bytes more are taken: no more
 * than needed, from the front of the list, where the least recently used is.
 * `budget` bounds the sum in bytes; `null` sets no bound. Where `wanted` alone
 * is more than the budget, all that is not busy goes: the caller takes them in
 * any case, and the less is held, the likelier it goes well.
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
