/** What the page reads of an ONNX file. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PageFault } from '../../src/errors.js';
import { readOnnx } from '../../src/sessions/onnx.js';

const file = readFileSync(join(process.env['PELAGO_PAGE'] ?? '.', '../../tests/fixtures/models/bert/onnx/model.onnx'));

test('inputs have their symbolic dimensions', () => {
  const shape = ['batch_size', 'sequence_length'];
  assert.deepEqual(
    readOnnx(file, 'model.onnx').inputs,
    ['input_ids', 'attention_mask', 'token_type_ids'].map((name) => ({ name, shape })),
  );
});

test('integer nodes are told from floating point ones', () => {
  const { integerNodes, nodes } = readOnnx(file, 'model.onnx');
  for (const name of ['/Shape', '/Gather', '/Cast', '/embeddings/Slice', '/encoder/layer.0/attention/self/Concat'])
    assert.ok(integerNodes.has(name), name);
  for (const name of ['/embeddings/word_embeddings/Gather', '/encoder/layer.0/attention/self/Transpose']) {
    assert.ok(nodes.has(name), name);
    assert.ok(!integerNodes.has(name), name);
  }
});

test('what is not ONNX is an invalid model, wherever it ends', () => {
  const refused = (bytes: Uint8Array): void =>
    assert.throws(() => readOnnx(bytes, 'x.onnx'), (error) => error instanceof PageFault && error.code === 'invalid_model');
  refused(new Uint8Array());
  refused(Buffer.from('{"not": "onnx"}'));
  refused(Buffer.from('<!doctype html><html></html>'));
  for (let length = 0; length < file.length; length += 997) refused(file.subarray(0, length));
});
