/** Which output of a graph has the embeddings. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PageFault } from '../../src/errors.js';
import { chooseOutput } from '../../src/tasks/text/outputs.js';

/** `name:rank`, `name:rank:type`. */
const choose = (outputs: string, tokens = false): string =>
  chooseOutput(
    outputs.split(' ').map((output) => {
      const [name = '', rank, type = 'float32'] = output.split(':');
      return { name, isTensor: true, type, shape: Array.from({ length: Number(rank) }, (_, i) => `d${i}`) } as never;
    }),
    tokens,
  );
const refused = (words: RegExp) => (error: unknown) =>
  error instanceof PageFault && error.code === 'invalid_model' && words.test(error.message);

test('a vector a text, then a vector a token', () => {
  assert.equal(choose('last_hidden_state:3 pooler_output:2 sentence_embedding:2'), 'sentence_embedding');
  assert.equal(choose('token_embeddings:3 sentence_embedding:2:float16'), 'sentence_embedding');
  assert.equal(choose('dense_vecs:2 sparse_vecs:3 colbert_vecs:3'), 'dense_vecs');
  assert.equal(choose('last_hidden_state:3 pooler_output:2'), 'last_hidden_state');
  assert.equal(choose('text_embeds:2 last_hidden_state:3'), 'text_embeds');
  assert.equal(choose('text_embeds:3'), 'text_embeds');
  assert.equal(choose('other:3 hidden_states:3'), 'hidden_states');
});

test('a single output needs no known name', () => {
  assert.equal(choose('1234:3 5678:2 present.0.key:3 logits:3 ids:3:int64'), '1234');
  assert.equal(choose('5678:2 pooler_output:2 logits:2'), '5678');
  assert.equal(choose('pooler_output:2 logits:2'), 'pooler_output');
});

test('where onnxruntime knows no rank, the name decides', () => {
  assert.equal(choose('last_hidden_state:0 x:0'), 'last_hidden_state');
  assert.throws(() => choose('x:0'), refused(/x: float32 \[\]/));
});

test('outputs that compete, and those that are not embeddings, are named', () => {
  assert.throws(() => choose('a:3 b:3'), refused(/found a and b/));
  assert.throws(() => choose('a:2 b:2'), refused(/found a and b/));
  assert.throws(() => choose('logits:3 present.0.key:4'), refused(/logits: float32 \[d0, d1, d2\], present/));
  assert.throws(() => choose('last_hidden_state:3:int64'), refused(/last_hidden_state: int64/));
});

test('a prompt can be left out of a vector a token only', () => {
  assert.equal(choose('token_embeddings:3 sentence_embedding:2', true), 'token_embeddings');
  assert.throws(() => choose('sentence_embedding:2 pooler_output:2', true), refused(/as a prompt is left out of pooling/));
});
