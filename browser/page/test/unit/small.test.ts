/** The small pieces: buckets, backoff, LRU, queue, verdicts, errors. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIRST_MS, GIVE_UP_MS, LONGEST_MS, waitBefore } from '../../src/link/backoff.js';
import { type Shapes, bucketBatch, bucketLength, plan } from '../../src/tasks/text/buckets.js';
import { PageFault, faultOf } from '../../src/errors.js';
import { judgeAdapter, judgeWebNn } from '../../src/facts/hardware.js';
import { Lru } from '../../src/sessions/lru.js';
import { CAPACITY, RequestQueue } from '../../src/worker/queue.js';

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

test('waits grow, stay within bounds, and end', () => {
  for (const random of [() => 0, () => 0.5, () => 0.999]) {
    for (let attempt = 0; attempt < 100; attempt++) {
      const wait = waitBefore(attempt, 0, random) as number;
      const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt);
      assert.ok(wait >= ceiling / 2 && wait <= ceiling);
    }
  }
  assert.equal(waitBefore(20, GIVE_UP_MS - 10, () => 0.5), 10);
  assert.equal(waitBefore(0, GIVE_UP_MS), null);
});

test('the least recently used go first', () => {
  const lru = new Lru<string>();
  for (const key of ['a', 'b', 'c', 'd']) lru.add(key, key);
  lru.use('a');
  assert.deepEqual(lru.take(1, (value) => value === 'a'), []);
  assert.deepEqual(lru.take(2, () => true), ['b', 'c']);
  assert.equal(lru.use('b'), undefined);
  assert.equal(lru.size, 2);
  assert.deepEqual(lru.values(), ['d', 'a']);
  assert.deepEqual(lru.take(0, (value) => value !== 'd'), ['a']);
});

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

test('software adapters are known by flag and by name', () => {
  const adapter = { vendor: '', architecture: '', device: '', description: '', is_fallback_adapter: null };
  assert.equal(judgeAdapter({ ...adapter, vendor: 'google', architecture: 'swiftshader', is_fallback_adapter: true }).is_real, false);
  assert.equal(judgeAdapter({ ...adapter, vendor: 'google', architecture: 'swiftshader' }).is_real, false);
  assert.equal(judgeAdapter({ ...adapter, vendor: 'mesa', description: 'llvmpipe (LLVM 15)' }).is_real, false);
  assert.equal(judgeAdapter({ ...adapter, vendor: 'microsoft', architecture: 'warp', is_fallback_adapter: false }).is_real, false);
  assert.equal(judgeAdapter({ ...adapter, vendor: 'nvidia', architecture: 'hopper', is_fallback_adapter: false }).is_real, true);
  assert.equal(judgeAdapter(adapter).is_real, null);
});

test('WebNN is as real as its contexts say', () => {
  const context = { device_type: 'cpu', available: true, error: null, accelerated: null, op_support_limits: null };
  assert.equal(judgeWebNn([context]).is_real, null);
  assert.equal(judgeWebNn([{ ...context, accelerated: false }]).is_real, false);
  assert.equal(judgeWebNn([{ ...context, accelerated: false }, { ...context, accelerated: true }]).is_real, true);
  assert.equal(judgeWebNn([{ ...context, available: false }]).is_real, null);
});

test("foreign errors become the page's own", () => {
  const code = (error: unknown): string => faultOf(error, 'testing').code;
  assert.equal(code(new Error('std::bad_alloc')), 'out_of_memory');
  assert.equal(code(new RangeError('Array buffer allocation failed')), 'out_of_memory');
  assert.equal(code(new Error('A valid external Instance reference no longer exists: device lost')), 'device_lost');
  assert.equal(code(new Error("Can't create a session. ERROR_CODE: 7, ERROR_MESSAGE: Failed to load model because protobuf parsing failed.")), 'invalid_model');
  assert.equal(code(new Error('something else')), 'execution_failed');
  assert.equal(code(1234), 'execution_failed');
  const fatal = (error: unknown): boolean => faultOf(error, 'testing').fatal;
  assert.equal(fatal(new WebAssembly.RuntimeError('memory access out of bounds')), true);
  for (const trap of ['RuntimeError: index out of bounds', 'memory access out of bounds', 'unreachable executed', 'Aborted(). Build with -sASSERTIONS'])
    assert.equal(fatal(new Error(trap)), true, trap);
  assert.equal(fatal(new Error('ERROR_CODE: 2, indices element out of data bounds')), false);
  assert.equal(faultOf(new Error('something else'), 'testing', 'internal', true).fatal, true);
  const located = new Error(
    "Can't create a session. ERROR_CODE: 1, ERROR_MESSAGE: Exception during initialization: /a/b/frame.cc:74 " +
      'Info(const std::vector<const Node *> &) [ONNXRuntimeError] : 1 : FAIL : Failed to load external data file "w".\n',
  );
  assert.equal(
    faultOf(located, 'testing').message,
    "Failed while testing: Can't create a session. ERROR_CODE: 1, ERROR_MESSAGE: Exception during initialization: " +
      '[ONNXRuntimeError] : 1 : FAIL : Failed to load external data file "w".',
  );
  assert.equal(faultOf(new TypeError('x is null'), 'testing', 'internal').code, 'internal');
  const own = new PageFault('empty_input', 'x');
  assert.equal(faultOf(own, 'testing'), own);
});
