/**
 * How a batch of texts is cut into runs, and the shape that each is padded to.
 * Knows numbers only.
 */

import { FIXED_ROWS_A_RUN, ROWS_A_RUN, TOKENS_A_RUN } from '../../protocol.js';

/** Sequence lengths. Finer than powers of two: above the first, less than a third is padding. */
const LENGTHS = [16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096, 8192];
/** Batches. A larger one is cut. */
const BATCHES = [1, 2, 4, 8, FIXED_ROWS_A_RUN];

/** Padding, as a share of the texts' own tokens, that a batch may have where shapes are free. */
const PADDING = 0.15;

/** The least bucket for a length, never more than the model takes. */
export function bucketLength(length: number, limit: number): number {
  return Math.min(LENGTHS.find((bucket) => bucket >= length) ?? length, Math.max(limit, length));
}

/** The least bucket for a batch; the largest for one that must be cut. */
export function bucketBatch(batch: number): number {
  return BATCHES.find((bucket) => bucket >= batch) ?? (BATCHES.at(-1) as number);
}

/** Which shapes a run may have. */
export interface Shapes {
  /** Whether the platform compiles a graph for one shape: then there are few, the buckets. */
  readonly buckets: boolean;
  /** Tokens that one text may have; `Infinity` where the model sets no limit. */
  readonly limit: number;
  /** The only batch that the graph takes, where it was exported with one. */
  readonly batch: number | null;
  /** The only length that the graph takes, where it was exported with one. */
  readonly length: number | null;
}

/** The batch that a run of so many texts is padded to. */
export function batchFor(rows: number, { buckets, batch }: Shapes): number {
  return batch ?? (buckets ? bucketBatch(rows) : rows);
}

/** The length that a run is padded to whose longest text has so many tokens. */
export function lengthFor(longest: number, { buckets, limit, length }: Shapes): number {
  return length ?? (buckets ? bucketLength(longest, limit) : longest);
}

/** One run: which texts, and the shape that they are padded to. */
export interface Run {
  readonly rows: readonly number[];
  readonly batch: number;
  readonly length: number;
}

/**
 * Cuts texts of these lengths, in tokens, into runs. Texts of like length go
 * together, so that little is padded.
 */
export function plan(lengths: readonly number[], shapes: Shapes): Run[] {
  const order = lengths.map((_, row) => row).sort((a, b) => (lengths[b] as number) - (lengths[a] as number));
  const sorted = order.map((row) => lengths[row] as number);
  const free = !shapes.buckets && shapes.batch === null && shapes.length === null;
  let start = 0;
  return (free ? cut(sorted) : fill(sorted, shapes)).map((count) => {
    const longest = sorted[start] as number;
    const rows = order.slice(start, start + count);
    start += count;
    return { rows, batch: batchFor(count, shapes), length: lengthFor(longest, shapes) };
  });
}

/** As many texts a run as it may hold. */
function fill(sorted: readonly number[], shapes: Shapes): number[] {
  const counts: number[] = [];
  for (let start = 0; start < sorted.length; start += counts.at(-1) as number) {
    const fits = Math.floor(TOKENS_A_RUN / lengthFor(sorted[start] as number, shapes));
    const most = shapes.batch ?? Math.max(1, Math.min(BATCHES.at(-1) as number, fits));
    counts.push(Math.min(most, sorted.length - start));
  }
  return counts;
}

/**
 * Few runs whose padding keeps within its share: the tokens of padding that one
 * run less is worth are lowered until it does. At zero there is no padding.
 */
function cut(sorted: readonly number[]): number[] {
  const tokens = sorted.reduce((sum, length) => sum + length, 0);
  for (let worth = TOKENS_A_RUN; ; worth = Math.floor(worth * 0.8)) {
    const { counts, padding } = cheapest(sorted, worth);
    if (padding <= PADDING * tokens) return counts;
  }
}

/** The cut with the least sum of padding and, for each run, `worth` tokens. */
function cheapest(sorted: readonly number[], worth: number): { counts: number[]; padding: number } {
  const size = sorted.length;
  // By the text that a run begins with: the cost from there to the end, and the texts of that run.
  const costs = new Float64Array(size + 1);
  const texts = new Int32Array(size);
  for (let start = size - 1; start >= 0; start--) {
    const longest = sorted[start] as number;
    const most = Math.min(ROWS_A_RUN, size - start, Math.max(1, Math.floor(TOKENS_A_RUN / longest)));
    let best = Infinity;
    let padding = 0;
    for (let count = 1; count <= most; count++) {
      padding += longest - (sorted[start + count - 1] as number);
      const cost = worth + padding + (costs[start + count] as number);
      // Of equal cuts, the one whose first runs are full.
      if (cost > best) continue;
      best = cost;
      texts[start] = count;
    }
    costs[start] = best;
  }
  const counts: number[] = [];
  for (let start = 0; start < size; start += counts.at(-1) as number) counts.push(texts[start] as number);
  return { counts, padding: (costs[0] as number) - worth * counts.length };
}
