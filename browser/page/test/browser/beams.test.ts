/** The search for the likeliest answer in real browsers: tiny models, whose answers PyTorch's beam search found. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FixedPlatform } from '../../src/facts/devices.js';
import type { Beams, GenerateData, GenerateResult } from '../../src/protocol.js';
import { refused } from './ask.js';
import { GRAPHS, GREEDY, decoder, encoderDecoder, generateOn, golden } from './decoders.js';
import { page } from './page.js';
import type { BrowserName } from './webdriver.js';

const routes: ReadonlyArray<[BrowserName, readonly FixedPlatform[]]> = [
  ['chromium', ['wasm', 'webgpu']],
  ['headless-shell', ['webgpu']],
  ['firefox', ['wasm', 'webgpu']],
];

/** As `generation_config.json` of each says, which PyTorch obeys. `begins` is how much of an answer its decoder is given. */
const ENCODER_DECODERS: ReadonlyArray<{ model: string; begins: number; stop_ids: number[]; sampling: Partial<GenerateData['sampling']> }> = [
  { model: 'flan_t5', begins: 1, stop_ids: [1], sampling: {} },
  { model: 'bart', begins: 2, stop_ids: [2], sampling: { no_repeat_ngram: 3, forced_end: 2 } },
  { model: 'marian', begins: 1, stop_ids: [0], sampling: { suppressed: [380], forced_end: 0 } },
];

const idsOf = ({ rows }: GenerateResult): number[][] => rows.map(({ ids }) => ids);
const beamsOf = (model: string): Beams => {
  const { num_beams, length_penalty } = golden(model).beams;
  return { count: num_beams, length_penalty, early_stopping: 'likely' };
};
const qwen2 = golden('qwen2');
/** Tokens that end its answers. */
const ENDS = [402, 400];

for (const [name, platforms] of routes) {
  describe(name, { timeout: 900_000 }, () => {
    const { host } = page(name, { graphs: GRAPHS });
    const generate = generateOn(host);

    for (const platform of platforms) {
      const answer = qwen2.beams.generated_ids.slice(qwen2.input_ids.length);
      const ask = (prompts: number[][], more: Partial<GenerateData> = {}, parts: number | null = null) =>
        generate(decoder('qwen2'), prompts, platform, { max_new_tokens: 24, stop_ids: ENDS, beams: beamsOf('qwen2'), ...more }, { parts });

      test(`decoders on ${platform} find PyTorch's answers`, async () => {
        // The WebGPU provider forgets windows where it records, and bounds of scores always.
        const models = [['qwen2', ENDS, true], ['mistral', [2], false], ['gemma2', [1, 5], false]] as const;
        for (const [model, stop_ids, capture] of models) {
          if (model === 'gemma2' && platform === 'webgpu') continue;
          const { input_ids, beams } = golden(model);
          const { data } = await generate(decoder(model), [input_ids], platform, { max_new_tokens: 24, stop_ids: [...stop_ids], beams: beamsOf(model), capture });
          assert.deepEqual(idsOf(data), [beams.generated_ids.slice(input_ids.length)], model);
          assert.deepEqual([data.rows[0]?.stop, data.steps], ['length', 23]);
        }
      });

      test(`encoder–decoders on ${platform} find PyTorch's answers`, async () => {
        for (const { model, begins, stop_ids, sampling } of ENCODER_DECODERS) {
          const { input_ids, beams } = golden(model);
          const found = await generate(encoderDecoder(model), [input_ids], platform, {
            decoder_ids: beams.generated_ids.slice(0, begins),
            max_new_tokens: beams.generated_ids.length - begins,
            stop_ids,
            sampling: { ...GREEDY, ...sampling },
            beams: beamsOf(model),
          });
          assert.deepEqual(idsOf(found.data), [beams.generated_ids.slice(begins)], model);
        }
        const { batch, decoder_start_token_id } = golden('flan_t5');
        const prompts = batch.input_ids.map((row, i) => row.filter((_, j) => batch.attention_mask[i]?.[j] === 1));
        const searched = async (prompts: number[][]): Promise<number[][]> =>
          idsOf((await generate(encoderDecoder('flan_t5'), prompts, platform, { decoder_ids: [decoder_start_token_id], max_new_tokens: 6, beams: beamsOf('flan_t5') })).data);
        assert.deepEqual(await searched(prompts), (await Promise.all(prompts.map((prompt) => searched([prompt])))).flat());
      });

      test(`prompts of different lengths on ${platform} get what each gets alone`, async () => {
        const prompts = [qwen2.input_ids.slice(0, 7), qwen2.input_ids];
        const beams: Beams = { count: 3, length_penalty: 0, early_stopping: 'first' };
        const alone = async (stop_ids: number[]): Promise<GenerateResult['rows']> => {
          const answers = prompts.map((prompt) => generate(decoder('qwen2'), [prompt], 'wasm', { max_new_tokens: 12, stop_ids, beams }));
          return (await Promise.all(answers)).flatMap(({ data }) => data.rows);
        };
        const [first] = await alone(ENDS);
        // With this, one search ends before the other.
        const stop_ids = [first?.ids[3] as number];
        const expected = await alone(stop_ids);
        assert.deepEqual(expected.map(({ stop }) => stop), ['stop', 'length']);
        assert.deepEqual((await ask(prompts, { max_new_tokens: 12, stop_ids, beams })).data.rows, expected);
      });

      test(`the answer on ${platform} comes in parts after the search, and a search that is stopped answers with the best by then`, async () => {
        const whole = ask([qwen2.input_ids], {}, 99);
        await whole;
        const parts = host().parts.get(whole.id) ?? [];
        assert.deepEqual(parts.map(({ tokens }) => tokens.map(({ id }) => id)), [[], ...answer.map((id) => [id])]);
        const long = ask([qwen2.input_ids], { max_new_tokens: 110, stop_ids: [] }, 3);
        await new Promise<void>((resolve) => {
          host().onPart = (id) => id === long.id && resolve();
        });
        host().stop(long.id);
        const { ids, stop } = (await long).data.rows[0] as GenerateResult['rows'][0];
        assert.equal(stop, 'interrupted');
        assert.ok(ids.length > 0 && ids.length < 110, String(ids.length));
        assert.deepEqual((host().parts.get(long.id) ?? []).map(({ tokens }) => tokens.map(({ id }) => id)), [[], ids]);
      });

      // Chromium's software adapter computes nothing in halves.
      test(`a cache of halves on ${platform}`, { skip: platform === 'webgpu' && name !== 'firefox' }, async () => {
        const { data } = await generate(decoder('qwen2-f16'), [qwen2.input_ids], platform, { max_new_tokens: 24, stop_ids: ENDS, beams: beamsOf('qwen2') });
        assert.deepEqual(idsOf(data), [answer]);
      });
    }

    test('refuses by name what is no search', async () => {
      const ask = (beams: Partial<Beams>, more: Partial<GenerateData> = {}) =>
        generate(decoder('qwen2'), [[1]], 'wasm', { beams: { ...beamsOf('qwen2'), ...beams }, ...more });
      await assert.rejects(ask({ count: 1 }), refused('bad_request', /number of beams .* from 2 on, found 1/));
      await assert.rejects(ask({ early_stopping: 'soon' as 'never' }), refused('bad_request', /first, likely, never, found soon/));
      await assert.rejects(ask({}, { sampling: { ...GREEDY, temperature: 0.5 } }), refused('bad_request', /a temperature above 0 with them/));
      await assert.rejects(ask({}, { logprobs: 0 }), refused('bad_request', /logprobs with them/));
    });

    test('WebNN searches for nothing', { skip: name !== 'headless-shell' }, async () => {
      const beams = beamsOf('qwen2');
      await assert.rejects(generate(decoder('qwen2-fixed'), [[1]], 'webnn', { context: 64, beams }), refused('platform_unavailable', /one row at a time, found 3/));
    });
  });
}
