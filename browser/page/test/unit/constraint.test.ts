/** Answers that keep to a JSON schema, of a made-up vocabulary and random logits. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PageFault } from '../../src/errors.js';
import type { Tensor } from '../../src/link/frame.js';
import { constraintsOf } from '../../src/tasks/generation/schema/constraint.js';
import { random } from '../../src/tasks/generation/random.js';
import { Rows } from '../../src/tasks/generation/rows.js';
import { vocabularyOf } from '../tokens.js';
import { GREEDY, ids, request } from './requests.js';

const encoder = new TextEncoder();
/** Every byte, some pieces of JSON and of text, and two tokens that end answers, of which one has bytes. */
const TOKENS: readonly Uint8Array[] = [
  ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
  ...['{"', '":', '": "', '", "', '"}', ' [', '],', 'name', 'age', ' the', ' quick', 'é', '😀', 'true', 'null', '12', '.5', '  ', '\n  ', '</s>', ''].map((text) =>
    encoder.encode(text),
  ),
  // The halves of a character.
  Uint8Array.of(0xf0, 0x9f),
  Uint8Array.of(0x98, 0x80),
];
const STOPS = [TOKENS.length - 4, TOKENS.length - 3];
const VOCABULARY = TOKENS.length;

const vocabulary = (tokens = TOKENS): Tensor[] => vocabularyOf(tokens);

/** Some answers to a schema under random logits, whose rows have more numbers than there are tokens. */
async function answers(schema: unknown, seed: number, rows = 1, temperature = 1): Promise<Array<{ text: string; stop: string }>> {
  const data = request({ schema: JSON.stringify(schema), stop_ids: STOPS, max_new_tokens: 400, context: 999, sampling: { ...GREEDY, temperature, seed } });
  const given = Array.from({ length: rows }, () => ids(1));
  const all = new Rows(data, given, await constraintsOf(data, vocabulary(), rows));
  const next = random(seed, 99);
  const logits = (): Float32Array => Float32Array.from({ length: VOCABULARY + 5 }, (_, id) => next() * 8 + (STOPS.includes(id) ? 4 : 0));
  for (let step = 1; !all.ended; step++) all.take({ ids: ids(), logits }, step);
  return all.result().map(({ ids, stop }) => {
    const text = stop === 'stop' ? ids.slice(0, -1) : ids;
    return { text: new TextDecoder('utf-8', { fatal: stop === 'stop' }).decode(Uint8Array.from(text.flatMap((id) => [...(TOKENS[id] as Uint8Array)]))), stop };
  });
}

const isInteger = Number.isInteger;
const CASES: ReadonlyArray<{ schema: unknown; check: (value: any) => boolean }> = [
  { schema: { type: 'boolean' }, check: (value) => typeof value === 'boolean' },
  { schema: { enum: ['red', 'green', 7, null] }, check: (value) => ['red', 'green', 7, null].includes(value) },
  { schema: { type: 'integer', minimum: -3, maximum: 250 }, check: (value) => isInteger(value) && value >= -3 && value <= 250 },
  { schema: { type: 'string', maxLength: 12 }, check: (value) => typeof value === 'string' && [...value].length <= 12 },
  {
    schema: { type: 'array', items: { type: 'integer', minimum: 0, maximum: 99 }, minItems: 2, maxItems: 4 },
    check: (value) => Array.isArray(value) && value.length >= 2 && value.length <= 4 && value.every((item) => isInteger(item) && item >= 0 && item <= 99),
  },
  {
    schema: {
      type: 'object',
      properties: {
        name: { type: 'string', maxLength: 9 },
        age: { type: 'integer', minimum: 0, maximum: 150 },
        home: { type: 'object', properties: { kind: { enum: ['flat', 'house'] }, rooms: { type: 'array', items: { const: 'r' }, maxItems: 3 } }, required: ['kind', 'rooms'], additionalProperties: false },
      },
      required: ['name', 'age', 'home'],
      additionalProperties: false,
    },
    check: (value) =>
      Object.keys(value).sort().join() === 'age,home,name' &&
      typeof value.name === 'string' &&
      isInteger(value.age) &&
      value.age <= 150 &&
      Object.keys(value.home).sort().join() === 'kind,rooms' &&
      ['flat', 'house'].includes(value.home.kind) &&
      value.home.rooms.length <= 3,
  },
  {
    schema: { $defs: { leaf: { type: 'number', minimum: 0.25, maximum: 1 } }, anyOf: [{ $ref: '#/$defs/leaf' }, { type: 'array', items: { $ref: '#/$defs/leaf' }, maxItems: 2 }] },
    check: (value) => [value].flat().every((item) => item >= 0.25 && item <= 1),
  },
];

for (const { schema, check } of CASES)
  test(`answers are JSON of ${JSON.stringify(schema).slice(0, 90)}`, async () => {
    let ended = 0;
    for (let seed = 0; seed < 20; seed++)
      for (const { text, stop } of await answers(schema, seed, 2, seed % 4 === 0 ? 0 : 1)) {
        // What has no greatest length may go on for as long as an answer may.
        if (stop === 'length') continue;
        ended += 1;
        assert.ok(check(JSON.parse(text)), text);
        assert.equal(text, text.trimEnd());
      }
    assert.ok(ended >= 36, String(ended));
  });

test('what does not end by itself ends by its number of tokens, and begins as the schema says', async () => {
  const endless = { type: 'array', items: { type: 'null' }, minItems: 1000 };
  for (const { text, stop } of await answers(endless, 5)) {
    assert.equal(stop, 'length');
    assert.match(text.replace(/\s/g, ''), /^\[(null,)+/);
  }
});

const refusal = async (schema: string, words: RegExp, more: { stop_ids?: number[]; tensors?: Tensor[] } = {}): Promise<void> => {
  const data = request({ schema, stop_ids: more.stop_ids ?? STOPS });
  await assert.rejects(constraintsOf(data, more.tensors ?? vocabulary(), 1), (error) => {
    assert.ok(error instanceof PageFault, String(error));
    assert.equal(error.code, 'bad_request');
    assert.match(error.message, words);
    return true;
  });
};

test('a schema that is none, that is not known, or that nothing meets is refused by name', async () => {
  await refusal('{"type":', /it is no JSON/);
  await refusal('3', /must be a boolean or object schema/);
  await refusal('{"type":"string","pattern":"a+"}', /\$\.pattern cannot be enforced/);
  await refusal('{"properties":{"day":{"type":"string","format":"date"}}}', /format "date" cannot be enforced/);
  await refusal('{"type":"text"}', /unsupported JSON type/);
  await refusal('{"unevaluatedItems":false}', /unsupported JSON Schema keyword "unevaluatedItems"/);
  await refusal('{"$ref":"#/$defs/none"}', /does not resolve/);
  for (const none of ['false', '{"type":"string","enum":[1]}', '{"allOf":[{"type":"string"},{"type":"number"}]}']) await refusal(none, /no answer that it allows/);
  await refusal('true', /at least one token that ends an answer/, { stop_ids: [] });
  // A vocabulary that has no braces.
  await refusal('{"type":"object"}', /of the tokens that this model has/, { tensors: vocabulary([encoder.encode('a'), encoder.encode('"'), new Uint8Array()]) });
});

test('tensors that are no vocabulary are refused', async () => {
  const [bytes, ends] = vocabulary() as [Tensor, Tensor];
  await refusal('true', /token_bytes as uint8 and token_ends as int32/, { tensors: [bytes] });
  await refusal('true', /token_ends to grow/, { tensors: [{ ...bytes, bytes: bytes.bytes.subarray(1) }, ends] });
});

test('where no token may follow, that is said', async () => {
  const data = request({ schema: '{"type":"object","properties":{"a":false},"required":["a"],"additionalProperties":false}', stop_ids: STOPS, max_new_tokens: 400, context: 999 });
  const rows = new Rows(data, [ids(1)], await constraintsOf(data, vocabulary(), 1));
  const logits = (): Float32Array => new Float32Array(VOCABULARY);
  assert.throws(
    () => {
      for (let step = 1; !rows.ended; step++) rows.take({ ids: ids(), logits }, step);
    },
    (error) => error instanceof PageFault && error.code === 'execution_failed' && /No token may follow/.test(error.message),
  );
});
