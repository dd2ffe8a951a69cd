/** How texts are cut into runs, and what the runs are padded to. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Shapes, bucketBatch, bucketLength, plan } from '../../src/tasks/text/buckets.js';

test('a bucket holds its length, and little more', () => {
  for (let length = 1; length <= 512; length++) {
    const bucket = bucketLength(length, 512);
    assert.ok(bucket >= length && bucket <= Math.max(16, length * 1.5), `${length} → ${bucket}`);
  }
  assert.equal(bucketLength(200, 250), 250, "never more than the model's own limit");
  assert.deepEqual([1, 3, 9, 16, 40].map(bucketBatch), [1, 4, 16, 16, 16]);
});

const free: Shapes = { buckets: false, limit: 512, batch: null, length: null };
const buckets: Shapes = { ...free, buckets: true };

test('a plan holds every text once, in runs that it fits', () => {
  const lengths = Array.from({ length: 333 }, (_, i) => 1 + ((i * 37) % 300));
  for (const shapes of [free, buckets]) {
    const runs = plan(lengths, shapes);
    const rows = runs.flatMap((run) => run.rows);
    assert.deepEqual([...rows].sort((a, b) => a - b), lengths.map((_, i) => i));
    for (const { rows, batch, length } of runs) {
      assert.ok(rows.length <= batch && batch * length <= 16_384);
      for (const row of rows) assert.ok((lengths[row] as number) <= length);
    }
  }
  assert.deepEqual(plan([11], free), [{ rows: [0], batch: 1, length: 11 }]);
  assert.deepEqual(plan([11], buckets), [{ rows: [0], batch: 1, length: 16 }]);
  assert.deepEqual(plan([11, 20, 5], buckets), [{ rows: [1, 0, 2], batch: 4, length: 24 }]);
});

test('little is padded where shapes are free, in few runs', () => {
  const spread = (count: number, length: (share: number) => number): number[] =>
    Array.from({ length: count }, (_, i) => Math.round(length(((i * 61) % count) / (count - 1))));
  // With the fewest runs that any cut can have, but for the fifth, which could have 11.
  const batches: ReadonlyArray<[string, number[], number]> = [
    ['all equal', Array.from({ length: 100 }, () => 40), 2],
    ['all equal and long', Array.from({ length: 100 }, () => 512), 7],
    ['one long and many short', [512, ...spread(63, (share) => 5 + 10 * share)], 3],
    ['evenly from 3 to 512', spread(64, (share) => 3 + 509 * share), 7],
    ['mostly short, from 3 to 512', spread(100, (share) => 3 * (512 / 3) ** share), 12],
    ['large and mostly short', spread(1000, (share) => 3 * (512 / 3) ** share), 22],
    ['two of a kind', [100, 100, 90, 90], 1],
    ['two that differ', [512, 3], 2],
  ];
  for (const [name, lengths, most] of batches) {
    const runs = plan(lengths, free);
    const tokens = lengths.reduce((sum, length) => sum + length, 0);
    const padded = runs.reduce((sum, { batch, length }) => sum + batch * length, 0);
    assert.ok(padded <= 1.15 * tokens, `${name}: ${padded} for ${tokens}`);
    assert.ok(runs.length <= most, `${name}: ${runs.length} runs`);
    for (const { rows, batch, length } of runs) {
      assert.equal(batch, rows.length);
      assert.equal(length, Math.max(...rows.map((row) => lengths[row] as number)));
    }
  }
});

test('a graph that was exported for one shape gets that shape', () => {
  assert.deepEqual(plan([3, 7], { ...free, batch: 1 }), [
    { rows: [1], batch: 1, length: 7 },
    { rows: [0], batch: 1, length: 3 },
  ]);
  assert.deepEqual(plan([3, 7, 5], { ...free, batch: 2, length: 16 }), [
    { rows: [1, 2], batch: 2, length: 16 },
    { rows: [0], batch: 2, length: 16 },
  ]);
});
