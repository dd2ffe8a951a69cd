/** Answers that keep to a JSON schema in real browsers: a tiny model, whose tokens are taken for bytes. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FixedPlatform } from '../../src/facts/devices.js';
import type { GenerateData, GenerateResult } from '../../src/protocol.js';
import { vocabularyOf } from '../tokens.js';
import { int32, refused } from './ask.js';
import { GRAPHS, GREEDY, decoder, generateOn } from './decoders.js';
import { page } from './page.js';
import type { BrowserName } from './webdriver.js';

const routes: ReadonlyArray<[BrowserName, readonly FixedPlatform[]]> = [
  ['chromium', ['wasm']],
  ['headless-shell', ['webgpu']],
  ['firefox', ['wasm', 'webgpu']],
];

/** Each id below 256 is a byte. The others, of which the model has some, are special, and 300 ends an answer. */
const TOKENS = Array.from({ length: 301 }, (_, id) => (id < 256 ? Uint8Array.of(id) : new Uint8Array()));
const END = 300;
const SCHEMA = JSON.stringify({
  type: 'object',
  properties: { colour: { enum: ['red', 'green'] }, sizes: { type: 'array', items: { type: 'integer', minimum: 1, maximum: 99 }, minItems: 1, maxItems: 3 } },
  required: ['colour', 'sizes'],
  additionalProperties: false,
});
const textOf = (ids: number[]): string => new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(ids));

for (const [name, platforms] of routes) {
  describe(name, { timeout: 300_000 }, () => {
    const { host } = page(name, { graphs: GRAPHS });
    const generate = generateOn(host);
    const ask = async (prompts: number[][], platform: FixedPlatform, more: Partial<GenerateData> = {}): Promise<GenerateResult['rows']> => {
      const data: GenerateData = {
        graphs: decoder('qwen2'), lengths: prompts.map(({ length }) => length), pad_id: 0, decoder_ids: [], context: 160, max_new_tokens: 120,
        stop_ids: [END], sampling: GREEDY, beams: null, schema: SCHEMA, logprobs: null, capture: true, ...more,
      }; // prettier-ignore
      const tensors = [int32('input_ids', prompts.flat()), ...vocabularyOf(TOKENS)];
      return (await host().call('generate', data, { platform, tensors })).data.rows;
    };

    for (const platform of platforms)
      test(`answers on ${platform} are JSON of the schema, the likeliest and drawn ones, several at once`, async () => {
        for (const temperature of [0, 1.5])
          for (const { ids, stop } of await ask([[51, 71, 68], [1], [9, 8]], platform, { sampling: { ...GREEDY, temperature, seed: 3 } })) {
            assert.equal(stop, 'stop', textOf(ids));
            const { colour, sizes, ...others } = JSON.parse(textOf(ids.slice(0, -1))) as { colour: string; sizes: number[] };
            assert.deepEqual([['red', 'green'].includes(colour), others], [true, {}]);
            assert.ok(sizes.length >= 1 && sizes.length <= 3 && sizes.every((size) => size >= 1 && size <= 99), sizes.join());
          }
        const [short] = await ask([[1]], platform, { max_new_tokens: 9 });
        assert.deepEqual([short?.stop, short?.ids.length], ['length', 9]);
      });

    test('refuses what no answer can be kept to, and stays usable', async () => {
      await assert.rejects(ask([[1]], 'wasm', { schema: '{"type":"string","pattern":"a"}' }), refused('bad_request', /pattern cannot be enforced/));
      await assert.rejects(ask([[1]], 'wasm', { stop_ids: [] }), refused('bad_request', /at least one token that ends/));
      await assert.rejects(ask([[1]], 'wasm', { beams: { count: 2, length_penalty: 1, early_stopping: 'first' } }), refused('bad_request', /a schema with them/));
      await assert.rejects(ask([[1]], 'wasm', { schema: null }), refused('bad_request', /and nothing else, found .* token_bytes as uint8/));
      await assert.rejects(generate(decoder('qwen2'), [[1]], 'wasm', { schema: SCHEMA }), refused('bad_request', /and token_bytes and token_ends, found input_ids/));
      const [row] = await ask([[1]], 'wasm', { schema: '{"type":"boolean"}' });
      assert.match(textOf(row?.ids.slice(0, -1) ?? []), /^\s*(true|false)$/);
    });
  });
}
