import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Pooling, normalizeRows, poolRow } from '../../src/pooling.js';

// Two rows, three positions, two numbers each; padding holds what must not be seen.
const data = Float32Array.of(1, 2, 3, 4, 99, 99, /* row 1 */ 99, 99, -5, 6, 7, -8);
const pool = (row: number, mask: number[], pooling: Pooling): number[] => {
  const out = new Float32Array(4);
  poolRow({ data, length: 3, hidden: 2 }, row, mask, pooling, out, 2);
  assert.deepEqual([...out.subarray(0, 2)], [0, 0]);
  return [...out.subarray(2)].map((value) => Math.round(value * 1e5) / 1e5);
};

test('padding on the right', () => {
  const mask = [1, 1, 0];
  assert.deepEqual(pool(0, mask, 'mean'), [2, 3]);
  assert.deepEqual(pool(0, mask, 'cls'), [1, 2]);
  assert.deepEqual(pool(0, mask, 'max'), [3, 4]);
  assert.deepEqual(pool(0, mask, 'mean_sqrt_len'), [2.82843, 4.24264]);
  assert.deepEqual(pool(0, mask, 'lasttoken'), [3, 4]);
  assert.deepEqual(pool(0, mask, 'weightedmean'), [2.33333, 3.33333]);
});

test('padding on the left', () => {
  const mask = [0, 1, 1];
  assert.deepEqual(pool(1, mask, 'mean'), [1, -1]);
  assert.deepEqual(pool(1, mask, 'cls'), [-5, 6]);
  assert.deepEqual(pool(1, mask, 'max'), [7, 6]);
  assert.deepEqual(pool(1, mask, 'lasttoken'), [7, -8]);
  // sentence-transformers weighs by position in the padded row: 2 and 3 of 5.
  assert.deepEqual(pool(1, mask, 'weightedmean'), [2.2, -2.4]);
});

test('rows are scaled to length 1, a row of zeros stays', () => {
  const rows = Float32Array.of(3, 4, 0, 0);
  normalizeRows(rows, 2);
  assert.deepEqual([...rows].map((value) => Math.round(value * 1e5) / 1e5), [0.6, 0.8, 0, 0]);
});
