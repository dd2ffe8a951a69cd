/** Text generation in real browsers: tiny decoders, whose tokens PyTorch gave. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FixedPlatform } from '../../src/facts/devices.js';
import type { GenerateData, GenerateResult, Platform } from '../../src/protocol.js';
import type { BaselineGenerationData } from '../../src/worker/baseline-generation.js';
import { int32, refused } from './ask.js';
import { GRAPHS, GREEDY, decoder, encoderDecoder, generateOn, golden } from './decoders.js';
import type { Graphs } from './models.js';
import { page } from './page.js';
import { WEIGHTS, poisoned } from './poisoned.js';
import type { BrowserName } from './webdriver.js';

const routes: ReadonlyArray<[BrowserName, readonly FixedPlatform[]]> = [
  ['chromium', ['wasm', 'webgpu']],
  ['headless-shell', ['webgpu']],
  ['firefox', ['wasm', 'webgpu']],
];

const idsOf = ({ rows }: GenerateResult): number[][] => rows.map(({ ids }) => ids);
const stopsOf = ({ rows }: GenerateResult): string[] => rows.map(({ stop }) => stop);
/** What follows the prompt. */
const answerOf = ({ input_ids, generated_ids }: { input_ids: number[]; generated_ids: number[] }): number[] => generated_ids.slice(input_ids.length);
/** The rows of a golden batch, which is padded at the left. */
const batchOf = (model: string): { prompts: number[][]; answers: number[][] } => {
  const { input_ids, attention_mask, generated_ids } = golden(model).batch;
  const prompts = input_ids.map((row, i) => row.filter((_, j) => attention_mask[i]?.[j] === 1));
  return { prompts, answers: generated_ids.map((row, i) => row.slice((input_ids[i] as number[]).length)) };
};

for (const [name, platforms] of routes) {
  describe(name, { timeout: 900_000 }, () => {
    const { host } = page(name, { graphs: GRAPHS, weights: WEIGHTS });
    const generate = generateOn(host);
    const qwen2 = golden('qwen2');

    for (const platform of platforms) {
      const records = platform === 'webgpu';

      for (const model of ['llama', 'gpt2', 'qwen2']) {
        test(`${model} on ${platform} gives PyTorch's tokens, and again in the same session`, async () => {
          const expected = golden(model);
          const max_new_tokens = answerOf(expected).length;
          const ask = (prompt: number[], more: Partial<GenerateData> = {}) =>
            generate(decoder(model), [prompt], platform, { max_new_tokens, ...more });
          const { data } = await ask(expected.input_ids);
          assert.deepEqual([idsOf(data), stopsOf(data)], [[answerOf(expected)], ['length']]);
          assert.deepEqual([data.captured, data.not_captured], records ? [true, null] : [false, 'only WebGPU records runs']);
          assert.deepEqual([data.steps, data.encode_ms], [max_new_tokens - 1, null]);
          assert.equal(data.capacity, records ? 64 : expected.input_ids.length + max_new_tokens - 1);
          assert.deepEqual(data.loads.model?.session.placement.fallback_operators, []);
          // Another prompt uses what was recorded, and the first gives the same after it.
          const { data: other } = await ask(expected.input_ids.slice(0, 9), { max_new_tokens: 40 });
          assert.deepEqual([other.captured, other.loads.model?.warm], [records, true]);
          const { data: plain } = await ask(expected.input_ids.slice(0, 9), { max_new_tokens: 40, capture: false });
          assert.deepEqual([plain.captured, plain.not_captured], [false, null]);
          assert.deepEqual(idsOf(plain), idsOf(other));
          assert.deepEqual(idsOf((await ask(expected.input_ids)).data), [answerOf(expected)]);
        });
      }

      test(`transformers.js on ${platform} makes the same, and both are timed`, async () => {
        const { input_ids, ...expected } = golden('llama');
        const max_new_tokens = answerOf({ input_ids, ...expected }).length;
        const asked: GenerateData = {
          graphs: decoder('llama'), lengths: [input_ids.length], pad_id: 0, decoder_ids: [], context: 128, max_new_tokens,
          stop_ids: [], sampling: GREEDY, logprobs: null, beams: null, schema: null, capture: false,
        }; // prettier-ignore
        // The same checkpoint as an exporter has it.
        const request: BaselineGenerationData = { generate: asked, ways: ['captured', 'plain', 'transformers'], repeat: 2, transformers_model_url: '/models/llama/' };
        const { ways } = (await host().call('baseline_generation', request, { platform, tensors: [int32('input_ids', input_ids)] })).data;
        assert.deepEqual(ways.map(({ way, captured }) => [way, captured]), [['captured', records], ['plain', false], ['transformers', false]]);
        for (const { first_ms, token_ms, ids } of ways) {
          assert.deepEqual(ids, answerOf({ input_ids, ...expected }));
          assert.deepEqual([first_ms.length, token_ms.length], [2, 2]);
        }
      });

      test(`a window is kept on ${platform}`, async () => {
        const expected = golden('mistral');
        // The WebGPU provider forgets windows where it records: a host does not ask for that.
        const { data } = await generate(decoder('mistral'), [expected.input_ids], platform, { max_new_tokens: 24, capture: false });
        assert.deepEqual(idsOf(data), [answerOf(expected)]);
      });

      test(`prompts of different lengths on ${platform} become what they become alone`, async () => {
        const { prompts, answers } = batchOf('qwen2');
        assert.notEqual(prompts[0]?.length, prompts[1]?.length);
        for (const capture of [true, false]) {
          const { data } = await generate(decoder('qwen2'), prompts, platform, { max_new_tokens: 24, capture });
          assert.deepEqual(idsOf(data), answers);
          assert.equal(data.captured, records && capture);
        }
      });

      // Chromium's software adapter computes nothing in halves.
      test(`a cache of halves on ${platform}`, { skip: records && name !== 'firefox' }, async () => {
        for (const more of [{}, { logprobs: 1 }]) {
          const { data } = await generate(decoder('qwen2-f16'), [qwen2.input_ids], platform, { max_new_tokens: 8, ...more });
          assert.deepEqual(idsOf(data), [answerOf(qwen2).slice(0, 8)]);
          assert.equal(data.captured, records);
        }
      });

      test(`penalties, stops and the context on ${platform}`, async () => {
        const { repetition_penalty: penalised, stop } = qwen2;
        const sampling = { ...GREEDY, repetition_penalty: penalised.repetition_penalty };
        const { data } = await generate(decoder('qwen2'), [qwen2.input_ids], platform, { max_new_tokens: 24, sampling });
        assert.deepEqual(idsOf(data), [penalised.generated_ids.slice(qwen2.input_ids.length)]);
        // An `Identity` gives the logits of these graphs, which is a copy, and onnxruntime replays none: that is noticed.
        assert.deepEqual([data.captured, data.not_captured], [false, records ? 'a replay gave something else than a run' : 'only WebGPU records runs']);
        const { prompts, answers } = batchOf('qwen2');
        const { data: stopped } = await generate(decoder('qwen2'), prompts, platform, { max_new_tokens: 24, stop_ids: [stop.eos_token_id] });
        // A row that ended does not disturb the other.
        const until = (ids: number[]): number[] => (ids.includes(stop.eos_token_id) ? ids.slice(0, ids.indexOf(stop.eos_token_id) + 1) : ids);
        assert.deepEqual(idsOf(stopped), answers.map(until));
        assert.deepEqual(stopsOf(stopped), answers.map((ids) => (ids.includes(stop.eos_token_id) ? 'stop' : 'length')));
        assert.ok(stopsOf(stopped).includes('stop'));
        const context = qwen2.input_ids.length + 5;
        const { data: full } = await generate(decoder('qwen2'), prompts, platform, { max_new_tokens: 24, context });
        assert.deepEqual([idsOf(full)[1], stopsOf(full)], [answers[1]?.slice(0, 5), ['length', 'context']]);
        assert.deepEqual(idsOf(full)[0], answers[0]);
      });

      test(`logprobs on ${platform} are PyTorch's`, async () => {
        const { data } = await generate(decoder('qwen2'), [qwen2.input_ids], platform, { max_new_tokens: 2, logprobs: 3 }, { parts: 9 });
        const parts = [...host().parts.values()].at(-1);
        const [token] = parts?.[0]?.tokens ?? [];
        const sum = Math.log(qwen2.logits.reduce((total, logit) => total + Math.exp(logit), 0));
        const sorted = qwen2.logits.map((logit, id): [number, number] => [id, logit - sum]).sort((a, b) => b[1] - a[1]).slice(0, 3);
        assert.deepEqual(token?.top.map(([id]) => id), sorted.map(([id]) => id));
        token?.top.forEach(([, logprob], i) => assert.ok(Math.abs(logprob - (sorted[i]?.[1] as number)) < 1e-4));
        assert.equal(token?.logprob, token?.top[0]?.[1]);
        assert.deepEqual(parts?.map(({ tokens }) => tokens[0]?.id), data.rows[0]?.ids);
      });

      test(`equal seeds give equal tokens on ${platform}, others give others`, async () => {
        const sampling = { ...GREEDY, temperature: 1.5, top_k: 50, top_p: 0.95, min_p: 0.01, seed: 7 };
        const ask = async (seed: number, capture: boolean): Promise<number[][]> =>
          idsOf((await generate(decoder('llama'), [[319, 221], [319, 221]], platform, { sampling: { ...sampling, seed }, capture })).data);
        const first = await ask(7, true);
        assert.deepEqual(await ask(7, true), first);
        assert.deepEqual(await ask(7, false), first);
        assert.notDeepEqual(await ask(8, true), first);
        assert.notDeepEqual(first[0], first[1]);
      });

      test(`logits that are not finite on ${platform} are refused whenever they come`, async () => {
        const { input_ids } = golden('gpt2');
        const refusedAfter = (tokens: number) => refused('not_finite', new RegExp(`after ${tokens} tokens of row 1 of 1, found NaN`));
        const always = poisoned('gpt2', 'transformer.ln_f.weight', 0);
        for (const capture of [true, false]) await assert.rejects(generate(always, [input_ids], platform, { capture }), refusedAfter(input_ids.length));
        // The positions of tokens that the answer has.
        for (const later of [0, 5]) {
          const graphs = poisoned('gpt2', 'transformer.wpe.weight', 32 * (input_ids.length + later));
          await assert.rejects(generate(graphs, [input_ids], platform, { capture: false }), refusedAfter(input_ids.length + later + 1));
        }
        assert.deepEqual(idsOf((await generate(decoder('gpt2'), [input_ids], platform)).data)[0]?.length, 16);
      });

      test(`encoder–decoders on ${platform} give PyTorch's tokens`, async () => {
        const ask = (model: string, prompts: number[][], more: Partial<GenerateData>) =>
          generate(encoderDecoder(model), prompts, platform, { max_new_tokens: 24, ...more });
        const t5 = golden('flan_t5');
        const decoder_ids = [t5.decoder_start_token_id];
        const { data } = await ask('flan_t5', [t5.input_ids], { decoder_ids });
        assert.deepEqual(idsOf(data), [t5.generated_ids.slice(1)]);
        assert.deepEqual(Object.keys(data.loads).sort(), ['cross', 'decoder', 'encoder']);
        assert.ok((data.encode_ms ?? 0) > 0);
        assert.match(data.not_captured ?? '', records ? /positions of all keys/ : /only WebGPU/);
        const { prompts, answers } = batchOf('flan_t5');
        const batch = await ask('flan_t5', prompts, { decoder_ids });
        const fromStart = golden('flan_t5').batch.generated_ids.map((ids) => ids.slice(1));
        assert.deepEqual([idsOf(batch.data), answers.length], [fromStart, 2]);
        const { repetition_penalty, generated_ids } = t5.repetition_penalty;
        const penalised = await ask('flan_t5', [t5.input_ids], { decoder_ids, sampling: { ...GREEDY, repetition_penalty } });
        assert.deepEqual(idsOf(penalised.data), [generated_ids.slice(1)]);
        // PyTorch forbids BART what it has said already, and Marian its padding: until then, tokens are the same.
        for (const [model, start, same] of [['bart', 2, 6], ['marian', 1, 23]] as const) {
          const expected = golden(model).generated_ids;
          const tokens: number[][][] = [];
          for (const capture of [true, false]) {
            const { data } = await ask(model, [golden(model).input_ids], { decoder_ids: expected.slice(0, start), capture, max_new_tokens: 24 - start });
            assert.equal(data.captured, records && capture, data.not_captured ?? '');
            tokens.push(idsOf(data));
          }
          assert.deepEqual(tokens[0], tokens[1]);
          assert.deepEqual(tokens[0]?.[0]?.slice(0, same), expected.slice(start, start + same));
        }
      });
    }

    test('what is recorded counts for the budget, and goes with its session', async () => {
      const bytes = ({ model }: Graphs): number => (model?.size ?? 0) + (model?.external_data ?? []).reduce((sum, { size }) => sum + size, 0);
      const [first, second] = [decoder('llama'), decoder('qwen2')];
      await host().call('dispose', { graph: null, keep: 0 });
      const ask = async (graphs: Graphs, more: number): Promise<string[]> => {
        const { data } = await generate(graphs, [[1, 2]], 'webgpu', { max_new_tokens: 4 }, { memory_budget: bytes(first) + bytes(second) + more });
        assert.equal(data.captured, true);
        return data.loads.model?.held.map(({ graph }) => graph) ?? [];
      };
      assert.deepEqual(await ask(first, 0), ['graph-llama']);
      // Both fit, but not with what is recorded of the first.
      assert.deepEqual(await ask(second, 0), ['graph-qwen2']);
      // What is recorded of one, some 20 kB, fits beside both, and not that of two.
      assert.deepEqual(await ask(first, 30_000), ['graph-llama']);
      assert.deepEqual(await ask(second, 1e6), ['graph-qwen2', 'graph-llama']);
    });

    test('a cache whose room is part of the graph', async () => {
      const llama = golden('llama');
      const ask = (platform: Platform, more: Partial<GenerateData> = {}, prompt = llama.input_ids) =>
        generate(decoder('llama-fixed'), [prompt], platform, { context: 64, ...more });
      const short = llama.input_ids.slice(0, 5);
      const expected = idsOf((await generate(decoder('llama'), [short], 'wasm')).data);
      for (const platform of name === 'headless-shell' ? (['wasm', 'webnn'] as const) : platforms) {
        const { data } = await ask(platform);
        assert.deepEqual([idsOf(data), data.capacity, data.cache_bytes], [[answerOf(llama)], 64, 2 * 2 * 2 * 64 * 8 * 4], platform);
        // WebNN takes a short prompt a token at a time.
        assert.deepEqual(idsOf((await ask(platform, {}, short)).data), expected);
        assert.deepEqual(idsOf((await ask(platform, { logprobs: 0 })).data), [answerOf(llama)]);
        await assert.rejects(ask(platform, { context: 65, max_new_tokens: 60 }), refused('bad_request', /at most 64 tokens in a row.* found 65/));
      }
    });

    test('what WebNN cannot generate with is refused before a session is built', { skip: name !== 'headless-shell' }, async () => {
      await assert.rejects(generate(decoder('llama'), [[1]], 'webnn'), refused('platform_unavailable', /same room in every run, found past_sequence/));
      await assert.rejects(generate(decoder('llama-fixed'), [[1], [2]], 'webnn', { context: 64 }), refused('platform_unavailable', /one row at a time, found 2/));
      await assert.rejects(generate(encoderDecoder('bart'), [[1]], 'webnn', { decoder_ids: [2] }), refused('platform_unavailable', /texts of any length/));
    });

    test('what the WebGPU provider of this onnxruntime forgets', { skip: name === 'chromium' }, async () => {
      // A host asks for neither. Where one of these fails, onnxruntime does it now, and hosts may.
      const ask = async (model: string, platform: Platform, capture: boolean): Promise<number[][]> =>
        idsOf((await generate(decoder(model), [golden(model).input_ids], platform, { capture, max_new_tokens: 6 })).data);
      assert.notDeepEqual(await ask('mistral', 'webgpu', true), await ask('mistral', 'wasm', false), 'windows, where it records');
      assert.deepEqual(await ask('gemma2', 'wasm', false), [answerOf(golden('gemma2')).slice(0, 6)]);
      assert.notDeepEqual(await ask('gemma2', 'webgpu', false), await ask('gemma2', 'wasm', false), 'soft caps of attention');
    });

    test('refuses what cannot be gone on with, and stays usable', async () => {
      const ask = (prompts: number[][], more: Partial<GenerateData> = {}, graphs: Graphs = decoder('qwen2'), platform: Platform = 'webgpu') =>
        generate(graphs, prompts, platform, more);
      await assert.rejects(ask([]), refused('bad_request', /at least one prompt, found none/));
      await assert.rejects(ask([[1], []]), refused('empty_input', /prompt 2 of 2, found none/));
      await assert.rejects(ask([[1, 2]], { lengths: [3] }), refused('bad_request', /int32 \[3\].* found input_ids as int32 \[2\]/));
      await assert.rejects(ask([Array.from({ length: 160 }, () => 1)]), refused('input_too_long', /at most 159 tokens .* found 160/));
      await assert.rejects(ask([[1]], { max_new_tokens: 0 }), refused('bad_request', /max_new_tokens .* found 0/));
      await assert.rejects(ask([[1]], { sampling: { ...GREEDY, temperature: -1 } }), refused('bad_request', /temperature/));
      await assert.rejects(ask([[1]], {}, { ...encoderDecoder('bart'), cross: undefined } as unknown as Graphs), refused('bad_request', /as its cross/));
      await assert.rejects(ask([[1]], {}, encoderDecoder('bart')), refused('empty_input', /to begin with/));
      const { facts } = decoder('qwen2').model as { facts: unknown };
      const other = { model: { ...encoderDecoder('bart').encoder, facts } } as Graphs;
      await assert.rejects(ask([[1]], {}, other, 'wasm'), refused('invalid_model', /a decoder that has a cache/));
      assert.deepEqual(idsOf((await ask([qwen2.input_ids])).data), [answerOf(qwen2).slice(0, 16)]);
    });
  });
}
