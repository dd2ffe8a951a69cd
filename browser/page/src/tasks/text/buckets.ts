/**
 * How a batch of texts is cut into runs, and the shape that each run is padded to.
 * Knows lengths only, not texts.
 */

import { FIXED_ROWS_A_RUN, ROWS_A_RUN, TOKENS_A_RUN } from '../../protocol.js';

/** Sequence lengths. They are finer than powers of two: above the first one, less than a third is padding. */
const LENGTHS = [16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096, 8192];
/** Batch sizes. A larger batch is cut. */
const BATCHES = [1, 2, 4, 8, FIXED_ROWS_A_RUN];

/** The padding that a batch may have where shapes are free, as a share of the tokens of its texts. */
const PADDING = 0.15;

/** The smallest bucket that holds a length. It is never longer than the model allows. */
export function bucketLength(length: number, limit: number): number {
  return Math.min(LENGTHS.find((bucket) => bucket >= length) ?? length, Math.max(limit, length));
}

/** The smallest bucket that holds a batch, or the largest one where the batch must be cut. */
export function bucketBatch(batch: number): number {
  return BATCHES.find((bucket) => bucket >= batch) ?? (BATCHES.at(-1) as number);
}

/** Which shapes a run may have. */
export interface Shapes {
  /** Whether the platform compiles a graph for one shape. Then runs have only the shapes of buckets. */
  readonly buckets: boolean;
  /** Tokens that one text may have. `Infinity` where the model sets no limit. */
  readonly limit: number;
  /** The only batch that the graph takes, where it was exported with one. */
  readonly batch: number | null;
  /** The only length that the graph takes, where it was exported with one. */
  readonly length: number | null;
}

/** The batch size that a run of `rows` texts is padded to. */
export function batchFor(rows: number, { buckets, batch }: Shapes): number {
  return batch ?? (buckets ? bucketBatch(rows) : rows);
}

/** The length that a run is padded to. `longest` is the number of tokens of its longest text. */
export function lengthFor(longest: number, { buckets, limit, length }: Shapes): number {
  return length ?? (buckets ? bucketLength(longest, limit) : longest);
}

/** One run: the rows of its texts, and the shape that they are padded to. */
export interface Run {
  readonly rows: readonly number[];
  readonly batch: number;
  readonly length: number;
}

/**
 * Cuts texts of these lengths, in tokens, into runs. Texts of similar length go
 * together, so that there is little padding.
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

/** Puts as many texts into each run as it may hold. */
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
 * Few runs whose padding stays within its share. `worth` is how many tokens of
 * padding are accepted to save one run. It is lowered until the share is kept. At
 * zero there is no padding.
 */
function cut(sorted: readonly number[]): number[] {
  const tokens = sorted.reduce((sum, length) => sum + length, 0);
  for (let worth = TOKENS_A_RUN; ; worth = Math.floor(worth * 0.8)) {
    const { counts, padding } = cheapest(sorted, worth);
    if (padding <= PADDING * tokens) return counts;
  }
}

/** The cut with the smallest cost. The cost is the padding plus `worth` tokens for each run. */
function cheapest(sorted: readonly number[], worth: number): { counts: number[]; padding: number } {
  const size = sorted.length;
  // For each text that a run can begin with: the cost from there to the end, and the number of texts in that run.
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
      // Of cuts with the same cost, the one whose first runs are full is taken.
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
