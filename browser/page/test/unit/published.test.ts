/** How published decoders are told from others, what they must take, and what they are given. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InferenceSession } from 'onnxruntime-web';
import { PageFault } from '../../src/errors.js';
import { endingTogether, maskOf, positionsOf } from '../../src/tasks/generation/published-inputs.js';
import { isPublished, presentsOf, publishedLayoutOf } from '../../src/tasks/generation/published-layout.js';

type Metadata = InferenceSession.TensorValueMetadata;

const tensor = (name: string, type: Metadata['type'], shape: Metadata['shape']): Metadata => ({ name, isTensor: true, type, shape });
const cache = (name: string, ...more: string[]): Metadata[] =>
  ['key', 'value'].map((part) => tensor([name, ...more, part].join('.'), 'float16', ['batch', 2, 'past', 8]));
const IDS = tensor('input_ids', 'int64', ['batch', 'sequence']);
const BRANCH = tensor('use_cache_branch', 'bool', [1]);
const OUTPUTS = [tensor('logits', 'float32', ['batch', 'sequence', 9]), ...cache('present.0'), ...cache('present.0', 'encoder')];

const layout = (inputMetadata: Metadata[], outputMetadata = OUTPUTS) => publishedLayoutOf({ inputMetadata, outputMetadata } as unknown as InferenceSession);
const refused = (words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof PageFault);
  assert.equal(error.code, 'invalid_model');
  assert.match(error.message, words);
  return true;
};

test('a published decoder has past_key_values', () => {
  assert.ok(isPublished([IDS, ...cache('past_key_values.0')]));
  assert.ok(!isPublished([IDS, ...cache('past.0')]));
  assert.deepEqual(presentsOf([IDS, ...cache('past_key_values.0', 'decoder')]), ['present.0.decoder.key', 'present.0.decoder.value']);
});

test('its cache is of its own tokens and of the encoder', () => {
  const { cached, crossed, takes } = layout([IDS, BRANCH, ...cache('past_key_values.0'), ...cache('past_key_values.0', 'encoder')]);
  assert.deepEqual(cached[1], { past: 'past_key_values.0.value', present: 'present.0.value', type: 'float16', heads: 2, size: 8 });
  assert.deepEqual(crossed.map(({ present }) => present), ['present.0.encoder.key', 'present.0.encoder.value']);
  assert.deepEqual([...takes], ['input_ids', 'use_cache_branch']);
});

test('what is laid out in another way is refused', () => {
  const past = cache('past_key_values.0');
  assert.throws(() => layout([IDS, tensor('beam_idx', 'int32', ['batch']), ...past]), refused(/no inputs but its cache and input_ids.* found beam_idx as int32 \[batch\]/));
  assert.throws(() => layout([tensor('input_ids', 'int32', ['batch', 'sequence']), ...past]), refused(/input_ids as int64 with 2 dimensions, found input_ids as int32/));
  assert.throws(() => layout([IDS, tensor('position_ids', 'int64', [3, 'batch', 'sequence']), ...past]), refused(/position_ids as int64 with 2/));
  assert.throws(() => layout([IDS, tensor('past_key_values.0.key', 'float32', ['batch', 'past', 16])]), refused(/its cache as float \[batch, heads, past, size\]/));
  assert.throws(() => layout([IDS, ...past], OUTPUTS.slice(0, 2)), refused(/the outputs present\.0\.value, found logits, present\.0\.key/));
  assert.throws(() => layout([IDS, ...past], [tensor('logits', 'float32', ['batch', 9]), ...OUTPUTS.slice(1)]), refused(/logits as float \[batch, sequence, vocabulary\], found logits as float32 \[batch, 9\]/));
  assert.throws(() => layout([IDS, ...past, ...cache('past_key_values.0', 'encoder')]), refused(/use_cache_branch, as decoder_model_merged\.onnx has/));
});

test('prompts end together, and padding has no position', () => {
  const block = endingTogether([Int32Array.of(1, 2, 3), Int32Array.of(4)], 9);
  assert.deepEqual([[...block.ids], block.width, block.lengths], [[1, 2, 3, 9, 9, 4], 3, [3, 1]]);
  assert.deepEqual(positionsOf(block), [0, 1, 2, 0, 0, 0]);
  assert.deepEqual(positionsOf({ width: 1, lengths: [4, 2] }), [3, 1]);
  assert.deepEqual(positionsOf({ width: 2, lengths: [7] }), [5, 6]);
  assert.deepEqual(maskOf([0, 2], 4), [1, 1, 1, 1, 0, 0, 1, 1]);
});
