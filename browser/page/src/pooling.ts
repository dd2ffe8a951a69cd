/**
 * Token vectors to one vector a text, as sentence-transformers' Pooling does
 * (sentence_transformers/models/Pooling.py). Knows arrays only.
 */

export const POOLINGS = ['mean', 'cls', 'max', 'mean_sqrt_len', 'lasttoken', 'weightedmean'] as const;
export type Pooling = (typeof POOLINGS)[number];

/** Token vectors `[batch, length, hidden]` and, a row, which positions hold tokens. */
export interface TokenVectors {
  readonly data: Float32Array;
  readonly length: number;
  readonly hidden: number;
}

/** Pools row `row` into `out` at `offset`. `mask[i]` is 1 where position `i` holds a token, 0 where it is padding. */
export function poolRow(
  { data, length, hidden }: TokenVectors,
  row: number,
  mask: ArrayLike<number>,
  pooling: Pooling,
  out: Float32Array,
  offset: number,
): void {
  const start = row * length * hidden;
  const target = out.subarray(offset, offset + hidden);
  if (pooling === 'cls' || pooling === 'lasttoken') {
    // The first or last position with a token: padding may be on either side.
    let at = 0;
    if (pooling === 'cls') while (at < length - 1 && !mask[at]) at++;
    else for (at = length - 1; at > 0 && !mask[at]; ) at--;
    target.set(data.subarray(start + at * hidden, start + (at + 1) * hidden));
    return;
  }
  target.fill(pooling === 'max' ? -Infinity : 0);
  let weights = 0;
  let position = 0;
  for (let i = 0; i < length; i++) {
    position += 1;
    if (!mask[i]) continue;
    const weight = pooling === 'weightedmean' ? position : 1;
    weights += weight;
    const from = start + i * hidden;
    if (pooling === 'max') for (let j = 0; j < hidden; j++) target[j] = Math.max(target[j] as number, data[from + j] as number);
    else for (let j = 0; j < hidden; j++) target[j] = (target[j] as number) + weight * (data[from + j] as number);
  }
  if (pooling === 'max') return;
  const divisor = pooling === 'mean_sqrt_len' ? Math.sqrt(weights) : weights;
  for (let j = 0; j < hidden; j++) target[j] = (target[j] as number) / Math.max(divisor, 1e-9);
}

/** Scales each row of `[rows, hidden]` to length 1, as `torch.nn.functional.normalize` does. */
export function normalizeRows(data: Float32Array, hidden: number): void {
  for (let start = 0; start < data.length; start += hidden) {
    let sum = 0;
    for (let j = start; j < start + hidden; j++) sum += (data[j] as number) ** 2;
    const norm = Math.max(Math.sqrt(sum), 1e-12);
    for (let j = start; j < start + hidden; j++) data[j] = (data[j] as number) / norm;
  }
}
