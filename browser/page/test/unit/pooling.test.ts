/** Token vectors pooled into one, against sums by hand. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pooling } from '../../src/protocol.js';
import { type Span, poolRow } from '../../src/tasks/text/pooling.js';

// Two rows, three positions, two numbers each; padding holds what must not be seen.
const data = Float32Array.of(1, 2, 3, 4, 99, 99, /* row 1 */ 99, 99, -5, 6, 7, -8);
const pool = (row: number, span: Span, ...poolings: Pooling[]): number[] => {
  const out = new Float32Array(2 + 2 * poolings.length);
  poolRow({ data, length: 3, hidden: 2 }, row, span, poolings, out, 2);
  assert.deepEqual([...out.subarray(0, 2)], [0, 0]);
  return [...out.subarray(2)].map((value) => Math.round(value * 1e5) / 1e5);
};

test('padding on the right', () => {
  const span = { first: 0, start: 0, end: 2 };
  assert.deepEqual(pool(0, span, 'mean'), [2, 3]);
  assert.deepEqual(pool(0, span, 'cls'), [1, 2]);
  assert.deepEqual(pool(0, span, 'max'), [3, 4]);
  assert.deepEqual(pool(0, span, 'mean_sqrt_len_tokens'), [2.82843, 4.24264]);
  assert.deepEqual(pool(0, span, 'lasttoken'), [3, 4]);
  assert.deepEqual(pool(0, span, 'weightedmean'), [2.33333, 3.33333]);
});

test('padding on the left', () => {
  const span = { first: 1, start: 1, end: 3 };
  assert.deepEqual(pool(1, span, 'mean'), [1, -1]);
  assert.deepEqual(pool(1, span, 'cls'), [-5, 6]);
  assert.deepEqual(pool(1, span, 'max'), [7, 6]);
  assert.deepEqual(pool(1, span, 'lasttoken'), [7, -8]);
  // Weights 1 and 2 of 3, as for the text alone: padding must not change a vector.
  assert.deepEqual(pool(1, span, 'weightedmean'), [3, -3.33333]);
});

test('several poolings are joined in their order', () => {
  assert.deepEqual(pool(0, { first: 0, start: 0, end: 2 }, 'mean', 'cls', 'max'), [2, 3, 1, 2, 3, 4]);
});

test('a prompt is left out, and still counts for positions', () => {
  const span = { first: 0, start: 1, end: 3 };
  assert.deepEqual(pool(0, span, 'cls'), [3, 4]);
  assert.deepEqual(pool(0, span, 'lasttoken'), [99, 99]);
  assert.deepEqual(pool(0, span, 'mean'), [51, 51.5]);
  // Weights 2 and 3 of 5.
  assert.deepEqual(pool(0, span, 'weightedmean'), [60.6, 61]);
  assert.deepEqual(pool(1, { first: 1, start: 2, end: 3 }, 'max', 'mean'), [7, -8, 7, -8]);
});
