/**
 * Pools the vectors of a text's tokens into one vector, as sentence-transformers
 * does (sentence_transformers/sentence_transformer/modules/pooling.py). Knows arrays
 * only.
 */

import type { Pooling } from '../../protocol.js';

/** Token vectors `[batch, length, hidden]`. */
export interface TokenVectors {
  readonly data: Float32Array;
  readonly length: number;
  readonly hidden: number;
}

/** Which positions of a row hold the tokens of its text. */
export interface Span {
  /** The text's first token. */
  readonly first: number;
  /** The first token that is pooled. The prompt before it is left out. */
  readonly start: number;
  /** One past the last token. */
  readonly end: number;
}

/** Pools row `row` into `out` at `offset`. The poolings give one vector each, one after the other. */
export function poolRow(
  vectors: TokenVectors,
  row: number,
  span: Span,
  poolings: readonly Pooling[],
  out: Float32Array,
  offset: number,
): void {
  const { data, length, hidden } = vectors;
  const tokens = data.subarray(row * length * hidden, (row + 1) * length * hidden);
  poolings.forEach((pooling, i) => {
    const start = offset + i * hidden;
    pool(tokens, hidden, span, pooling, out.subarray(start, start + hidden));
  });
}

function pool(tokens: Float32Array, hidden: number, { first, start, end }: Span, pooling: Pooling, target: Float32Array): void {
  if (pooling === 'cls' || pooling === 'lasttoken') {
    const at = pooling === 'cls' ? start : end - 1;
    target.set(tokens.subarray(at * hidden, (at + 1) * hidden));
    return;
  }
  target.fill(pooling === 'max' ? -Infinity : 0);
  let weights = 0;
  for (let i = start; i < end; i++) {
    const from = i * hidden;
    if (pooling === 'max') {
      for (let j = 0; j < hidden; j++) target[j] = Math.max(target[j] as number, tokens[from + j] as number);
      continue;
    }
    // sentence-transformers counts positions from the start of the padded row or,
    // where it does not pad, from the first token of the text. These differ only with
    // padding on the left. There the first way makes the vector of a text depend on
    // the length of the other texts. So positions count from the first token here.
    const weight = pooling === 'weightedmean' ? i - first + 1 : 1;
    weights += weight;
    for (let j = 0; j < hidden; j++) target[j] = (target[j] as number) + weight * (tokens[from + j] as number);
  }
  if (pooling === 'max') return;
  const divisor = pooling === 'mean_sqrt_len_tokens' ? Math.sqrt(weights) : weights;
  for (let j = 0; j < hidden; j++) target[j] = (target[j] as number) / divisor;
}
