/** Text generation with decoders as others publish them: their tokens are those that onnxruntime gave outside of browsers. */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { FixedPlatform } from '../../src/facts/devices.js';
import type { GenerateData, GenerateResult, Graph } from '../../src/protocol.js';
import { facts } from '../facts.js';
import { FLOAT, FLOAT16, INT64, type GraphSpec, factsOf, onnx } from '../graph.js';
import { distance, floats, int32, refused } from './ask.js';
import { GRAPHS, GREEDY, decoder, generateOn } from './decoders.js';
import { FIXTURES, type Graphs, PAGE } from './models.js';
import { page } from './page.js';
import type { BrowserName } from './webdriver.js';

const routes: ReadonlyArray<[BrowserName, readonly FixedPlatform[]]> = [
  ['chromium', ['wasm', 'webgpu']],
  ['headless-shell', []],
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

/** Where the graph below is, and one that Pelago builds; served as `/graphs/`. */
const folder = mkdtempSync(join(tmpdir(), 'pelago-published-'));
symlinkSync(join(GRAPHS, 'llama.onnx'), join(folder, 'llama.onnx'));
after(() => rmSync(folder, { recursive: true }));

/** A decoder that counts on, and knows nothing after 6. It gives the logits of the last column only, and takes no positions. */
function counting(name: string, type: number): Graphs {
  const next = Float32Array.from({ length: 64 }, (_, place) => (place >> 3 === 6 ? NaN : Number(place % 8 === ((place >> 3) + 1) % 8)));
  const cache = (name: string, columns: string) => ({ name, type, shape: ['batch', 1, columns, 1] });
  const spec: GraphSpec = {
    inputs: [
      { name: 'input_ids', type: INT64, shape: ['batch', 'sequence'] },
      { name: 'num_logits_to_keep', type: INT64, shape: [] },
      cache('past_key_values.0.key', 'past'),
    ],
    outputs: [{ name: 'logits', type, shape: ['batch', 'kept', 8] }, cache('present.0.key', 'total')],
    nodes: [
      { op: 'Cast', inputs: ['input_ids'], output: 'values', attributes: { to: type } },
      { op: 'Unsqueeze', inputs: ['values', 'around'], output: 'keys' },
      { op: 'Concat', inputs: ['past_key_values.0.key', 'keys'], output: 'present.0.key', attributes: { axis: 2 } },
      { op: 'Gather', inputs: ['next', 'input_ids'], output: 'all' },
      { op: 'Neg', inputs: ['num_logits_to_keep'], output: 'end', integer: true },
      { op: 'Gather', inputs: ['all', 'end'], output: 'last', attributes: { axis: 1 } },
      { op: 'Unsqueeze', inputs: ['last', 'middle'], output: 'singles' },
      { op: 'Cast', inputs: ['singles'], output: 'logits', attributes: { to: type } },
    ],
    weights: {
      next: { shape: [8, 8], data: next },
      around: { shape: [2], data: BigInt64Array.of(1n, 3n) },
      middle: { shape: [1], data: BigInt64Array.of(1n) },
    },
  };
  const bytes = onnx(spec);
  writeFileSync(join(folder, `${name}.onnx`), bytes);
  return { model: { cid: `published-${name}`, url: `/graphs/${name}.onnx`, size: bytes.length, facts: factsOf(spec), external_data: [] } };
}
const counts = counting('counts', FLOAT);
const halves = counting('halves', FLOAT16);

const BEAMS: GenerateData['beams'] = { count: 3, length_penalty: 1, early_stopping: 'likely' };
const idsOf = ({ rows }: GenerateResult): number[][] => rows.map(({ ids }) => ids);

for (const [name, platforms] of routes) {
  describe(name, { timeout: 600_000 }, () => {
    const { host } = page(name, { graphs: folder });
    const on = generateOn(host);
    // WebGPU has no IsNaN, which optimum's attention uses: a host has to allow it on the CPU.
    const generate = (graphs: Graphs, prompts: readonly number[][], platform: FixedPlatform, more: Partial<GenerateData> = {}) =>
      on(graphs, prompts, platform, more, { allow_fallback: graphs !== t5 });

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

      test(`equal seeds give equal tokens on ${platform}, and beams are those of the graph that Pelago builds`, async () => {
        const sampled = async (seed: number): Promise<number[][]> =>
          idsOf((await generate(llama, [prompt], platform, { sampling: { ...GREEDY, temperature: 1.5, top_k: 50, seed } })).data);
        const first = await sampled(7);
        assert.deepEqual(await sampled(7), first);
        assert.notDeepEqual(await sampled(8), first);
        const more: Partial<GenerateData> = { beams: BEAMS, max_new_tokens: 12 };
        const built = await generate(decoder('llama'), prompts, platform === 'webgpu' ? 'wasm' : platform, more);
        assert.deepEqual(idsOf((await generate(llama, prompts, platform, more)).data), idsOf(built.data));
      });

      test(`an encoder–decoder on ${platform} gives onnxruntime's tokens, alone and beside another`, async () => {
        const { prompts, start: decoder_ids, answers } = golden.t5;
        const ask = (prompts: number[][], more: Partial<GenerateData> = {}) =>
          generate(t5, prompts, platform, { decoder_ids, max_new_tokens: 24, ...more });
        const { data } = await ask([prompts[0] as number[]]);
        assert.deepEqual(idsOf(data), [answers[0]]);
        assert.deepEqual(Object.keys(data.loads).sort(), ['decoder', 'encoder']);
        assert.ok((data.encode_ms ?? 0) > 0);
        assert.deepEqual(idsOf((await ask(prompts)).data), answers);
        const searched = async (prompts: number[][]): Promise<number[][]> => idsOf((await ask(prompts, { beams: BEAMS, max_new_tokens: 9 })).data);
        assert.deepEqual(await searched(prompts), (await Promise.all(prompts.map((prompt) => searched([prompt])))).flat());
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

      test(`logits of the last column on ${platform}, and numbers that are none`, async () => {
        const { data } = await generate(counts, [[7, 1], [5, 0]], platform, { max_new_tokens: 4 });
        assert.deepEqual(idsOf(data), [[2, 3, 4, 5], [1, 2, 3, 4]]);
        await assert.rejects(generate(counts, [[0], [4]], platform), refused('not_finite', /at step 3, found NaN among those of row 2 of 2/));
        assert.deepEqual(idsOf((await generate(counts, [[3]], platform, { max_new_tokens: 2 })).data), [[4, 5]]);
        // Chromium's software adapter computes nothing in halves.
        if (platform === 'webgpu' && name !== 'firefox') return;
        const { data: half } = await generate(halves, [[7, 1], [2, 0]], platform, { max_new_tokens: 3 });
        assert.deepEqual([idsOf(half), half.cache_bytes], [[[2, 3, 4], [1, 2, 3]], 2 * 2 * 4]);
      });
    }

    test('refuses what would be wrong, before it runs', async () => {
      const { prompts } = golden.llama;
      await assert.rejects(on(llama, prompts, 'webgpu'), refused('fallback_refused', /on CPUExecutionProvider: IsNaN/));
      await assert.rejects(generate(counts, [[1, 2], [3]], 'wasm'), refused('bad_request', /takes no attention_mask and takes no position_ids/));
      const { model } = llama as { model: Graph };
      const other_nodes = ['/model/layers.0/attn/GroupQueryAttention'];
      const grouped = { model: { ...model, cid: 'published-grouped', facts: { ...facts('llama'), other_nodes } } };
      await assert.rejects(generate(grouped, prompts, 'wasm'), refused('bad_request', /same length, as the graph has GroupQueryAttention/));
    });

    test('WebNN is refused before a session is built', { skip: name !== 'headless-shell' }, async () => {
      await assert.rejects(generate(llama, [[1]], 'webnn'), refused('platform_unavailable', /the cache of a published decoder grows/));
    });
  });
}
