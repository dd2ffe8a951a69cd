/** What a graph is fed for padded texts. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PageFault } from '../../src/errors.js';
import type { Tensor } from '../../src/link/frame.js';
import { type Padded, feedsFor, fixedTo } from '../../src/tasks/text/inputs.js';

const tokens = (name: string, type = 'int64', shape: Array<number | string> = ['batch', 'sequence']) =>
  ({ name, isTensor: true, type, shape }) as const;
const text = (ids: number[], types: number[] | null = null) => ({
  ids: Int32Array.from(ids),
  types: types && Int32Array.from(types),
});
const padded: Padded = { texts: [text([5, 6, 7], [0, 1, 1]), text([8])], batch: 3, length: 3, padId: 9, padLeft: false, taskId: null };
const feeds = (inputs: ReturnType<typeof tokens>[], changed: Partial<Padded> = {}): Tensor[] =>
  feedsFor(inputs as never, { ...padded, ...changed });
const VIEWS = { int64: BigInt64Array, int32: Int32Array, float32: Float32Array, float16: Uint16Array, bool: Uint8Array };
const numbers = ({ dtype, bytes }: Tensor): number[] =>
  Array.from(new VIEWS[dtype as 'int32'](bytes.buffer, bytes.byteOffset) as ArrayLike<number>, Number);
const refused = (words: RegExp) => (error: unknown) =>
  error instanceof PageFault && error.code === 'invalid_model' && words.test(error.message);

test('tokens are padded on the right', () => {
  const [ids, mask, types, positions] = feeds(['input_ids', 'attention_mask', 'token_type_ids', 'position_ids'].map((name) => tokens(name)));
  assert.deepEqual(ids?.shape, [3, 3]);
  assert.deepEqual(numbers(ids as Tensor), [5, 6, 7, 8, 9, 9, 9, 9, 9]);
  // The last row only fills the batch: it has one token.
  assert.deepEqual(numbers(mask as Tensor), [1, 1, 1, 1, 0, 0, 1, 0, 0]);
  assert.deepEqual(numbers(types as Tensor), [0, 1, 1, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(numbers(positions as Tensor), [0, 1, 2, 0, 0, 0, 0, 0, 0]);
});

test('tokens are padded on the left', () => {
  const [ids, mask, positions] = feeds(['input_ids', 'attention_mask', 'position_ids'].map((name) => tokens(name)), { padLeft: true });
  assert.deepEqual(numbers(ids as Tensor), [5, 6, 7, 9, 9, 8, 9, 9, 9]);
  assert.deepEqual(numbers(mask as Tensor), [1, 1, 1, 0, 0, 1, 0, 0, 1]);
  assert.deepEqual(numbers(positions as Tensor), [0, 1, 2, 0, 0, 0, 0, 0, 0]);
});

test('each input has the element type that the graph declares', () => {
  for (const type of ['int64', 'int32', 'float32'])
    for (const name of ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids'])
      assert.equal(feeds([tokens(name, type)])[0]?.dtype, type);
  const [mask] = feeds([tokens('attention_mask', 'bool')]);
  assert.equal(mask?.dtype, 'bool');
  assert.deepEqual(numbers(mask as Tensor), [1, 1, 1, 1, 0, 0, 1, 0, 0]);
  assert.throws(() => feeds([tokens('input_ids', 'bool')]), refused(/input_ids to be one of int64, int32, float32, found bool/));
  assert.throws(() => feeds([tokens('input_ids', 'uint8')]), refused(/found uint8/));
});

test('a task is a scalar, one number or one a row', () => {
  for (const [shape, expected] of [[[], [2]], [[1], [2]], [['batch'], [2, 2, 2]]] as const) {
    const [task] = feeds([tokens('task_id', 'int64', [...shape])], { taskId: 2 });
    assert.deepEqual(task?.shape, shape.length === 0 ? [] : [expected.length]);
    assert.deepEqual(numbers(task as Tensor), expected);
  }
  assert.throws(() => feeds([tokens('task_id', 'int64', [])]), refused(/task_id, found none/));
});

test('a cache is empty', () => {
  const cache = (shape: Array<number | string>, type = 'float32', ids = tokens('input_ids')) =>
    feeds([ids, tokens('past_key_values.0.key', type, shape)])[1] as Tensor;
  assert.deepEqual(cache(['batch', 8, 'past', 64]).shape, [3, 8, 0, 64]);
  assert.equal(cache(['batch', 8, 'past', 64], 'float16').bytes.byteLength, 0);
  // Where the batch has no name, it is the first that is open.
  assert.deepEqual(cache(['', 8, '', 64]).shape, [3, 8, 0, 64]);
  assert.deepEqual(cache([2, 'batch', 8, 'past', 64]).shape, [2, 3, 8, 0, 64]);
  assert.deepEqual(cache(['past', 'batch', 64]).shape, [0, 3, 64]);
  const one = tokens('input_ids', 'int64', [1, 'sequence']);
  assert.deepEqual(feeds([one, tokens('past_key.0', 'float32', [1, 8, 'past', 64])], { texts: [text([5])], batch: 1 })[1]?.shape, [1, 8, 0, 64]);
  // A state of a fixed size is zero.
  assert.deepEqual(numbers(cache(['batch', 1, 2], 'float16')), [0, 0, 0, 0, 0, 0]);
  const [branch] = feeds([tokens('use_cache_branch', 'bool', [1])]);
  assert.deepEqual([branch?.dtype, branch?.shape, numbers(branch as Tensor)], ['bool', [1], [0]]);
});

test('other inputs are refused by name', () => {
  for (const name of ['offsets', 'decoder_input_ids', 'pixel_values'])
    assert.throws(() => feeds([tokens('input_ids'), tokens(name)]), refused(new RegExp(`input_ids, .*past_key_values.*, found the input ${name}\\.`)));
  assert.throws(() => feeds([tokens('past_sequence_length', 'int64', [1])]), refused(/past_sequence_length .* found int64/));
});

test('open dimensions are fixed by what they are called', () => {
  const inputs = [
    tokens('past_key_values.0.key', 'float32', ['batch', 8, 'past', 64]),
    tokens('attention_mask', 'int64', ['batch', 'past + sequence']),
    tokens('input_ids'),
    tokens('task_id', 'int64', ['tasks']),
  ];
  const { overrides, shape } = fixedTo(inputs, 4, 16);
  assert.deepEqual(overrides, { batch: 4, sequence: 16, past: 0, 'past + sequence': 16, tasks: 4 });
  assert.deepEqual(shape, [4, 16]);
  assert.deepEqual(fixedTo([tokens('pixel_values', 'float32', ['batch', 3, 'height', 'width'])], 2, 1).overrides, { batch: 2 });
  assert.deepEqual(fixedTo([tokens('input_ids', 'int64', [1, ''])], 1, 16).overrides, {});
});
