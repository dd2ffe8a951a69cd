/** Text generation with decoders as others publish them: their tokens are those that onnxruntime gave outside of browsers. */

import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { FixedPlatform } from '../../src/facts/devices.js';
import type { GenerateData, GenerateResult, Graph } from '../../src/protocol.js';
import { facts } from '../facts.js';
import { distance, floats, int32 } from './ask.js';
import { GRAPHS, GREEDY, generateOn } from './decoders.js';
import { FIXTURES, type Graphs, PAGE } from './models.js';
import { page } from './page.js';
import type { BrowserName } from './webdriver.js';

const routes: ReadonlyArray<[BrowserName, readonly FixedPlatform[]]> = [
  ['chromium', ['wasm', 'webgpu']],
  ['firefox', ['wasm', 'webgpu']],
];

interface Scored {
  readonly ids: number[];
  readonly logits: number[][];
}

/** What `tests/python/make_published.py` wrote. */
const golden = JSON.parse(readFileSync(join(PAGE, 'test', 'browser', 'published.json'), 'utf8')) as {
  readonly llama: { readonly prompts: number[][]; readonly answers: number[][] };
  readonly long: { readonly prompt: number[]; readonly answer: number[] };
  readonly score: Scored;
  readonly t5: { readonly prompts: number[][]; readonly start: number[]; readonly answers: number[][]; readonly score: Scored };
};

const graph = (file: string, name: Parameters<typeof facts>[0]): Graph => ({
  cid: `published-${name}`,
  url: `/models/${file}`,
  size: statSync(join(FIXTURES, file)).size,
  facts: facts(name),
  external_data: [],
});
const llama: Graphs = { model: graph('llama/onnx/model.onnx', 'llama') };
const t5: Graphs = {
  encoder: graph('t5/onnx/encoder_model.onnx', 't5-encoder'),
  decoder: graph('t5/onnx/decoder_model_merged.onnx', 't5-decoder'),
};

const idsOf = ({ rows }: GenerateResult): number[][] => rows.map(({ ids }) => ids);

for (const [name, platforms] of routes) {
  describe(name, { timeout: 600_000 }, () => {
    const { host } = page(name, { graphs: GRAPHS });
    const on = generateOn(host);
    // WebGPU has no IsNaN, which optimum's attention uses: a host has to allow it on the CPU.
    const generate = (graphs: Graphs, prompts: readonly number[][], platform: FixedPlatform, more: Partial<GenerateData> = {}) =>
      on(graphs, prompts, platform, more, { allow_fallback: graphs === llama });

    for (const platform of platforms) {
      const { prompts, answers } = golden.llama;
      const [prompt, answer] = [prompts[0] as number[], answers[0] as number[]];

      test(`a decoder on ${platform} gives onnxruntime's tokens, and again in the same session`, async () => {
        const { data } = await generate(llama, [prompt], platform, { max_new_tokens: 24 });
        assert.deepEqual(idsOf(data), [answer]);
        const columns = prompt.length + 23;
        assert.deepEqual([data.steps, data.capacity, data.cache_bytes], [23, columns, 2 * 2 * 2 * 8 * 4 * columns]);
        assert.equal(data.captured, false);
        assert.match(data.not_captured ?? '', /grows with every run/);
        assert.deepEqual(data.loads.model?.session.placement.fallback_operators, platform === 'webgpu' ? ['IsNaN'] : []);
        const { data: again } = await generate(llama, [prompt], platform, { max_new_tokens: 24, capture: false });
        assert.deepEqual([idsOf(again), again.loads.model?.warm, again.not_captured], [[answer], true, null]);
      });

      test(`prompts of different lengths on ${platform} become what they become alone`, async () => {
        const { data } = await generate(llama, prompts, platform, { max_new_tokens: 24 });
        assert.deepEqual(idsOf(data), answers);
        // The shorter prompt goes on when the longer one has filled the context.
        const context = prompt.length + 5;
        const { data: full } = await generate(llama, prompts, platform, { max_new_tokens: 24, context });
        assert.deepEqual(idsOf(full), [answer.slice(0, 5), answers[1]?.slice(0, context - (prompts[1] as number[]).length)]);
      });

      test(`a prompt of several runs on ${platform}`, async () => {
        const { data } = await generate(llama, [golden.long.prompt], platform, { max_new_tokens: 8, context: 700 });
        assert.deepEqual(idsOf(data), [golden.long.answer]);
      });

      test(`equal seeds give equal tokens on ${platform}`, async () => {
        const sampled = async (seed: number): Promise<number[][]> =>
          idsOf((await generate(llama, [prompt], platform, { sampling: { ...GREEDY, temperature: 1.5, top_k: 50, seed } })).data);
        const first = await sampled(7);
        assert.deepEqual(await sampled(7), first);
        assert.notDeepEqual(await sampled(8), first);
      });

      test(`an encoder–decoder on ${platform} gives onnxruntime's tokens, alone and beside another`, async () => {
        const { prompts, start: decoder_ids, answers } = golden.t5;
        const ask = (prompts: number[][]) => generate(t5, prompts, platform, { decoder_ids, max_new_tokens: 24 });
        const { data } = await ask([prompts[0] as number[]]);
        assert.deepEqual(idsOf(data), [answers[0]]);
        assert.deepEqual(Object.keys(data.loads).sort(), ['decoder', 'encoder']);
        assert.ok((data.encode_ms ?? 0) > 0);
        assert.deepEqual(idsOf((await ask(prompts)).data), answers);
      });

      test(`logits of a text on ${platform} are onnxruntime's`, async () => {
        const score = async (graphs: Graphs, { ids, logits }: Scored, input_ids: number[] | null): Promise<void> => {
          const tensors = [int32('scored_ids', ids), ...(input_ids ? [int32('input_ids', input_ids)] : [])];
          const { tensors: [found] } = await host().call('score', { graphs, pad_id: 0, context: 160 }, { platform, tensors, options: { allow_fallback: graphs === llama } }); // prettier-ignore
          assert.deepEqual(found?.shape, [ids.length, 320]);
          assert.ok(distance(floats(found as NonNullable<typeof found>), logits.flat()) < 1e-4);
        };
        await score(llama, golden.score, null);
        await score(t5, golden.t5.score, golden.t5.prompts[0] as number[]);
      });
    }
  });
}
