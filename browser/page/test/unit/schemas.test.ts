/** JSON of a schema, byte by byte, in random walks that prefer what structures a text. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type JSONSchema, engine } from '../../src/runtime/structured-output.js';
import { random } from '../../src/tasks/generation/random.js';
import { Machine } from '../../src/tasks/generation/schema/machine.js';
import { mayBegin } from '../../src/tasks/generation/schema/numbers.js';
import { START, WRONG, after } from '../../src/tasks/generation/schema/utf8.js';

const BYTES = Array.from({ length: 256 }, (_, byte) => byte);
const isBlank = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
const isLikely = (byte: number): boolean => '"]},:\\'.includes(String.fromCharCode(byte)) || (byte >= 0x30 && byte <= 0x39);

/** A text that the machine allows; `null` where it is long, and an error where nothing may follow. */
function walk(machine: Machine, next: () => number): string | null {
  const bytes: number[] = [];
  let state = machine.initial;
  for (let step = 0; step < 300; step++) {
    if (machine.accepts(state) && next() < 0.6) return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes));
    const open = BYTES.filter((byte) => {
      const then = machine.next(state, byte);
      return then !== null && !(then === state && isBlank(byte));
    });
    assert.ok(open.length > 0 || machine.accepts(state), `nothing may follow ${new TextDecoder().decode(Uint8Array.from(bytes))}`);
    const likely = open.filter(isLikely);
    const from = likely.length > 0 && next() < 0.7 ? likely : open;
    const byte = from[Math.floor(next() * from.length)];
    if (byte === undefined) return new TextDecoder().decode(Uint8Array.from(bytes));
    bytes.push(byte);
    state = machine.merged(machine.next(state, byte) as typeof state);
  }
  return null;
}

const only = (properties: Record<string, JSONSchema>, required = Object.keys(properties)): JSONSchema =>
  ({ type: 'object', properties, required, additionalProperties: false }) as JSONSchema;
const isOne = (all: unknown[]) => (value: unknown) => all.some((one) => JSON.stringify(one) === JSON.stringify(value));

const CASES: ReadonlyArray<[schema: JSONSchema, check: (value: any) => boolean]> = [
  [{ enum: ['red', 'green', 7, 12.5, -3, null, 'é"'] }, isOne(['red', 'green', 7, 12.5, -3, null, 'é"'])],
  [{ const: 40 }, (value) => value === 40],
  [{ type: 'array', items: { const: 1 }, maxItems: 3 }, (value) => value.length <= 3 && value.every((item: unknown) => item === 1)],
  [{ type: 'array', items: { type: 'boolean' }, minItems: 2, maxItems: 2 }, (value) => value.length === 2],
  [{ type: 'array', prefixItems: [{ type: 'boolean' }, { type: 'null' }], items: false }, (value) => value.length <= 2],
  [only({ a: { type: 'boolean' }, b: { enum: ['p"q', 'é'] } }, ['a']), (value) => typeof value.a === 'boolean' && isOne([undefined, 'p"q', 'é'])(value.b)],
  [{ type: 'integer', minimum: -3, maximum: 250 }, (value) => Number.isInteger(value) && value >= -3 && value <= 250],
  [{ type: 'integer', minimum: 100, maximum: 199, multipleOf: 7 }, (value) => value % 7 === 0 && value >= 100 && value <= 199],
  [{ type: 'number', minimum: 0.5, maximum: 2 }, (value) => value >= 0.5 && value <= 2],
  [{ type: 'number', exclusiveMinimum: -12, exclusiveMaximum: -11 }, (value) => value > -12 && value < -11],
  [{ type: 'number', minimum: 0, maximum: 3, multipleOf: 0.25 }, (value) => (value * 4) % 1 === 0 && value <= 3],
  [{ type: 'number' }, (value) => Number.isFinite(value)],
  [{ type: 'string', minLength: 2, maxLength: 4 }, (value) => [...value].length >= 2 && [...value].length <= 4],
  [{ $defs: { leaf: only({ n: { type: 'integer', maximum: 9 } }) }, type: 'array', items: { $ref: '#/$defs/leaf' }, maxItems: 2 }, (value) => value.every(({ n }: { n: number }) => n <= 9)],
  [{ anyOf: [{ type: 'null' }, only({ k: { const: 1 } })] }, isOne([null, { k: 1 }])],
  [{ anyOf: [only({ k: { const: 'x' } }), only({ k: { const: 'y' }, z: { type: 'boolean' } })] }, (value) => value.k === 'x' || (value.k === 'y' && typeof value.z === 'boolean')],
  [{ oneOf: [{ type: 'integer', maximum: 5 }, { type: 'boolean' }] }, (value) => typeof value === 'boolean' || value <= 5],
  [only({ deep: only({ list: { type: 'array', items: only({ ok: { type: 'boolean' } }), maxItems: 2 } }) }), (value) => value.deep.list.every(({ ok }: { ok: unknown }) => typeof ok === 'boolean')],
  [{ type: 'object', additionalProperties: { type: 'null' }, maxProperties: 2 }, (value) => Object.values(value).every((one) => one === null)],
  // A list in a list, and so on.
  [{ $ref: '#/$defs/list', $defs: { list: { type: 'array', items: { $ref: '#/$defs/list' }, maxItems: 1 } } }, (value) => /^\[+\]+$/.test(JSON.stringify(value))],
  [true, () => true],
];

for (const [schema, check] of CASES)
  test(`texts are JSON of ${JSON.stringify(schema)}`, async () => {
    const machine = new Machine(await engine(), schema, 8);
    let whole = 0;
    for (let run = 0; run < 60; run++) {
      const text = walk(machine, random(run, 3));
      if (text === null) continue;
      whole += 1;
      assert.ok(check(JSON.parse(text)), text);
    }
    assert.ok(whole > 20, String(whole));
  });

test('numbers that several ways lead to are one way again', async () => {
  const machine = new Machine(await engine(), { type: 'array', items: { anyOf: [{ type: 'integer' }, { type: 'number' }] } }, 8);
  let state = machine.initial;
  for (const byte of new TextEncoder().encode('[1,22,3,4,5,6,7,8]')) {
    state = machine.merged(machine.next(state, byte) as typeof state);
    assert.ok(state.ways.length <= 2, String(state.ways.length));
  }
  assert.ok(machine.accepts(state));
});

test('what a number may begin with', () => {
  const begins = (schema: JSONSchema, ...texts: string[]): boolean[] => texts.map((text) => mayBegin(schema, text));
  assert.deepEqual(begins({ const: 10 }, '1', '10', '100', '10.', '1e'), [true, true, false, false, false]);
  assert.deepEqual(begins({ type: 'number', minimum: 5, maximum: 8 }, '1', '5', '8', '8.', '8.0', '8.1', '9', '-', '50'), [false, true, true, true, true, false, false, false, false]);
  assert.deepEqual(begins({ type: 'number', minimum: 120 }, '1', '12', '13', '0', '0.'), [true, true, true, false, false]);
  assert.deepEqual(begins({ type: 'number', maximum: -0.5 }, '-', '-0', '-0.', '-0.4', '-0.5', '-7', '7', '0'), [true, true, true, false, true, true, false, false]);
  assert.deepEqual(begins({ type: 'number', exclusiveMinimum: 0, maximum: 1 }, '0', '0.', '0.0', '1', '1.0', '1.01'), [true, true, true, true, true, false]);
  assert.deepEqual(begins({ type: 'number', exclusiveMinimum: -12, exclusiveMaximum: -11 }, '-11', '-11.0', '-12', '-12.0'), [true, true, false, false]);
  assert.deepEqual(begins({ type: 'integer', exclusiveMinimum: 10, maximum: 20, multipleOf: 10 }, '1', '10', '2', '20', '200'), [false, false, true, true, false]);
  assert.deepEqual(begins({ type: 'integer', multipleOf: 5, minimum: 0, maximum: 12 }, '3', '5', '1', '0', '12'), [false, true, true, true, false]);
  assert.deepEqual(begins({ type: 'number', multipleOf: 0.1, minimum: 0, maximum: 1 }, '0.3', '0.30', '0.31'), [true, true, false]);
  assert.deepEqual(begins({ type: 'number', multipleOf: 0.1, minimum: 0.3, maximum: 0.3 }, '0.3', '0.2', '0.4', '0.30', '0.31'), [true, false, false, true, false]);
  assert.deepEqual(begins(true, '1e9', '1e999', `0.${'1'.repeat(17)}`, `0.${'1'.repeat(18)}`), [true, false, true, false]);
});

test('UTF-8 is what a strict decoder takes', () => {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const isText = (bytes: number[]): boolean => {
    try {
      decoder.decode(Uint8Array.from(bytes));
      return true;
    } catch {
      return false;
    }
  };
  const some = [0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xe0, 0xe1, 0xed, 0xf0, 0xf3, 0xf4, 0xf5];
  const tails = [[0x80], [0xa0], [0x80, 0x80], [0xa0, 0x80], [0x90, 0x80, 0x80], [0x80, 0x80, 0x80]];
  for (let code = 0; code < 16 ** 3; code++) {
    const bytes = [code >> 8, (code >> 4) & 15, code & 15].map((index) => some[index] as number);
    for (let length = 1; length <= 3; length++) {
      const part = bytes.slice(0, length);
      const state = part.reduce(after, START);
      assert.equal(state === START, isText(part), String(part));
      // What is begun can be ended, and what is wrong cannot.
      assert.equal(state !== WRONG, state === START || tails.some((tail) => isText([...part, ...tail])), String(part));
    }
  }
});
