/** The order of requests, and how many may wait. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PageFault } from '../../src/errors.js';
import { CAPACITY, RequestQueue } from '../../src/worker/queue.js';

test('requests run one after another; one that waits can be taken back', () => {
  const started: number[] = [];
  const queue = new RequestQueue<{ id: number }>(({ id }) => started.push(id));
  for (const id of [1, 2, 3]) queue.push({ id });
  assert.deepEqual(started, [1]);
  assert.equal(queue.remove(1), false, 'it runs');
  assert.equal(queue.remove(2), true);
  queue.finish(9);
  assert.deepEqual(started, [1]);
  queue.finish(1);
  assert.deepEqual(started, [1, 3]);
  queue.finish(3);
  for (let id = 10; id <= 10 + CAPACITY; id++) queue.push({ id });
  assert.throws(() => queue.push({ id: 999 }), (error) => error instanceof PageFault && error.repeatable);
});

test('what waits is found by its id, and taken back by what it is', () => {
  const started: number[] = [];
  const queue = new RequestQueue<{ id: number }>(({ id }) => started.push(id));
  for (const id of [1, 2, 3, 4]) queue.push({ id });
  assert.deepEqual([queue.waits(1), queue.waits(3)], [undefined, { id: 3 }]);
  queue.removeAll(({ id }) => id % 2 === 1);
  assert.equal(queue.running?.id, 1);
  queue.finish(1);
  queue.finish(2);
  assert.deepEqual(started, [1, 2, 4]);
});
