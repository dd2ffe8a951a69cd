/**
 * Fixed shapes for platforms that compile a graph for one: which batch and
 * which length a request is padded to, and how a large batch is cut. Knows
 * numbers only.
 */

/** Sequence lengths. Finer than powers of two: above the first, less than a third is padding. */
const LENGTHS = [16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096, 8192];
/** Batches. A larger one is cut. */
const BATCHES = [1, 2, 4, 8, 16];

/** Tokens, padding included, that one run may hold: bounds the activations' memory. */
const TOKENS_A_RUN = 8_192;
/** Rows of one run where shapes are free. */
const ROWS_A_RUN = 64;

/** The least bucket for a length, never more than the model takes. */
export function bucketLength(length: number, limit: number): number {
  return Math.min(LENGTHS.find((bucket) => bucket >= length) ?? length, Math.max(limit, length));
}

/** The least bucket for a batch; the largest for one that must be cut. */
export function bucketBatch(batch: number): number {
  return BATCHES.find((bucket) => bucket >= batch) ?? (BATCHES.at(-1) as number);
}

/** One run: which texts, and the shape that they are padded to. */
export interface Run {
  readonly rows: readonly number[];
  readonly batch: number;
  readonly length: number;
}

/**
 * Cuts texts of these lengths, in tokens, into runs. Texts of like length go
 * together, so that little is padded; `fixed` pads to buckets.
 */
export function plan(lengths: readonly number[], limit: number, fixed: boolean): Run[] {
  const order = lengths.map((_, row) => row).sort((a, b) => (lengths[b] as number) - (lengths[a] as number));
  const runs: Run[] = [];
  for (let start = 0; start < order.length; ) {
    const longest = lengths[order[start] as number] as number;
    const length = fixed ? bucketLength(longest, limit) : longest;
    const most = Math.max(1, Math.min(fixed ? (BATCHES.at(-1) as number) : ROWS_A_RUN, Math.floor(TOKENS_A_RUN / length)));
    const rows = order.slice(start, start + most);
    start += rows.length;
    runs.push({ rows, batch: fixed ? bucketBatch(rows.length) : rows.length, length });
  }
  return runs;
}
