/** What is given to a decoder, and how its answers end. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roomFor } from '../../src/tasks/generation/layout.js';
import { blocks } from '../../src/tasks/generation/blocks.js';
import { Rows } from '../../src/tasks/generation/rows.js';
import { ids, request } from './requests.js';

const following = (...all: number[]) => ({ ids: ids(...all), logits: null });

test('one prompt comes in pieces, several come in one block, padded at the right', () => {
  const long = Int32Array.from({ length: 1200 }, (_, i) => i);
  const pieces = blocks([long], 9);
  assert.deepEqual(pieces.map(({ width, lengths }) => [width, ...lengths]), [[512, 512], [512, 1024], [176, 1200]]);
  assert.deepEqual(pieces.flatMap(({ ids }) => Array.from(ids)), Array.from(long));
  assert.deepEqual(blocks([ids(1, 2, 3), ids(4)], 9), [{ ids: ids(1, 2, 3, 4, 9, 9), width: 3, lengths: [3, 1] }]);
});

test('a cache has room for what is asked, in few sizes, and no more than the model takes', () => {
  assert.deepEqual([1, 64, 65, 1000, 1025, 5000].map((tokens) => roomFor(tokens, 8192)), [64, 64, 128, 1024, 2048, 5120]);
  assert.deepEqual([roomFor(70, 100), roomFor(100, 100), roomFor(1500, 1600)], [100, 100, 1600]);
});

test('rows end by a stop, by their number of tokens or by the context, and are given in parts until then', () => {
  const rows = new Rows(request({ stop_ids: [7], max_new_tokens: 3, context: 6 }), [ids(1), ids(1, 2), ids(1, 2, 3, 4)], null);
  assert.deepEqual(rows.take(following(5, 7, 5), 1).tokens.map(({ row, id }) => [row, id]), [[0, 5], [1, 7], [2, 5]]);
  // A row that ended takes its own last slot again.
  assert.deepEqual(rows.next(false), { ids: ids(5, 7, 5), lengths: [2, 2, 5], parents: null });
  assert.deepEqual(rows.take(following(6, 6, 6), 2).tokens.map(({ row, id }) => [row, id]), [[0, 6], [2, 6]]);
  assert.equal(rows.ended, false);
  assert.deepEqual(rows.next(false).lengths, [3, 2, 5]);
  rows.take(following(7, 1, 1), 3);
  assert.equal(rows.ended, true);
  assert.deepEqual(rows.result(), [{ ids: [5, 6, 7], stop: 'stop' }, { ids: [7], stop: 'stop' }, { ids: [5, 6], stop: 'context' }]);
});

test('what has not ended was interrupted; where rows are even, all of them grow', () => {
  const rows = new Rows(request({ stop_ids: [7], max_new_tokens: 2 }), [ids(1), ids(1), ids(1)], null);
  rows.take(following(7, 4, 5), 1);
  assert.deepEqual(rows.next(true).lengths, [2, 2, 2]);
  assert.deepEqual(rows.result().map(({ stop }) => stop), ['stop', 'interrupted', 'interrupted']);
  rows.take(following(1, 4, 7), 2);
  assert.deepEqual(rows.result().map(({ stop }) => stop), ['stop', 'length', 'stop']);
});

test('a step whose logits are not finite is named', () => {
  const rows = new Rows(request({ logprobs: 0 }), [ids(1), ids(2)], null);
  const logits = (row: number): Float32Array => Float32Array.of(1, row === 1 ? NaN : 2);
  assert.throws(() => rows.take({ ids: ids(), logits }, 4), /at step 4, .* row 2 of 2/);
});
