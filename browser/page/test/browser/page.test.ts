/** The built page in real browsers, on the tiny BERT with its golden outputs. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FixedPlatform } from '../../src/facts/devices.js';
import type { Tensor } from '../../src/link/frame.js';
import type { EmbedData } from '../../src/protocol.js';
import type { BaselineData } from '../../src/worker/baseline.js';
import { distance, floats, int32, isGolden, refused } from './ask.js';
import type { RemoteError } from './host.js';
import { bert, golden, graphOf } from './models.js';
import { page } from './page.js';
import type { BrowserName } from './webdriver.js';

const int64 = (name: string, values: number[]): Tensor => ({
  name,
  dtype: 'int64',
  shape: [1, values.length],
  bytes: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
});
/** "fox" by itself, and a longer text, in the tokens of the tiny BERT. */
const FOX = [2, 136, 3];
const LONGER = [2, 59, 134, 158, 143, 59, 159, 129, 136, 59, 142, 134, 3];

/** What a page of a browser without JSPI finds. */
const NO_JSPI = 'delete WebAssembly.Suspending';

const routes: ReadonlyArray<[BrowserName, readonly FixedPlatform[], script?: string]> = [
  ['chromium', ['wasm', 'webgpu']],
  ['chromium', ['wasm', 'webgpu'], NO_JSPI],
  ['headless-shell', ['wasm', 'webgpu', 'webnn']],
  ['firefox', ['wasm', 'webgpu']],
];

for (const [name, platforms, script] of routes) {
  describe(script === NO_JSPI ? `${name} without JSPI` : name, { timeout: 300_000 }, () => {
    const { host, browser, embed } = page(name, { script });

    test('says what the browser has', async () => {
      const { data } = await host().call('capabilities', null);
      assert.equal(data.cross_origin_isolated, true);
      assert.equal(data.wasm.simd && data.wasm.threads, true);
      assert.equal(data.webgpu.available, true, data.webgpu.error ?? '');
      assert.equal(data.webgpu.hardware.is_real, false);
      assert.ok((data.webgpu.limits['maxBufferSize'] ?? 0) > 0);
      assert.equal(data.webnn.available, platforms.includes('webnn'), data.webnn.error ?? '');
      assert.match(data.onnxruntime_version, /^1\.30\./);
    });

    for (const platform of platforms) {
      test(`embeds on ${platform}`, async () => {
        const { data, tensors } = await embed(bert, [golden.input_ids], platform);
        const vector = floats(tensors[0] as Tensor);
        assert.deepEqual(tensors[0]?.shape, [1, 32]);
        isGolden(tensors);
        const mean = golden.mean_normalized.map((_, j) => golden.last_hidden_state.reduce((sum, token) => sum + (token[j] as number), 0) / golden.input_ids.length);
        assert.ok(distance(vector, mean) < 1e-5);
        // A small graph is fetched once for all platforms.
        assert.equal(platform === platforms[0], host().progress.some(({ phase, file, loaded, total }) => phase === 'fetch' && file === 'model.onnx' && loaded === total));
        assert.ok(host().progress.some(({ phase }) => phase === 'compile'));
        host().progress.length = 0;
        assert.deepEqual(data.padded_shape, [1, platform === 'webnn' ? 16 : golden.input_ids.length]);
        assert.equal(data.padded_tokens, data.padded_shape[1]);
        assert.deepEqual([data.pooling, data.pooled_by_graph], ['mean', false]);
        assert.equal(data.processing_ms, data.run_ms + data.pool_ms);
        const { placement, execution_provider } = data.load.session;
        assert.deepEqual(placement.fallback_operators, []);
        assert.equal(placement.nodes_on_provider + placement.nodes_shape_arithmetic, placement.nodes_total);
        assert.equal(execution_provider, { wasm: 'CPUExecutionProvider', webgpu: 'WebGpuExecutionProvider', webnn: 'WebNNExecutionProvider' }[platform]);
        assert.equal(data.load.session.build, script === NO_JSPI ? 'asyncify' : 'jspi');
        assert.deepEqual(data.load.session.fixed_shape, platform === 'webnn' ? [1, 16] : null);
      });

      test(`a batch on ${platform} is what its texts are alone`, async () => {
        const texts = [golden.input_ids, FOX, LONGER];
        const { data, tensors } = await embed(bert, texts, platform);
        assert.deepEqual(tensors[0]?.shape, [3, 32]);
        // 11, 3 and 13 tokens: 4 rows of 16, or 2 of 13 and one of 3.
        assert.equal(data.padded_tokens, platform === 'webnn' ? 64 : 29);
        const all = floats(tensors[0] as Tensor);
        for (const [i, text] of texts.entries()) {
          const alone = await embed(bert, [text], platform);
          assert.ok(distance(all.subarray(i * 32, (i + 1) * 32), floats(alone.tensors[0] as Tensor)) < 1e-5, text.join());
        }
      });
    }

    test('a session that was loaded for a shape runs texts of that shape', async () => {
      const platform = platforms.at(-1) as FixedPlatform;
      await host().call('dispose', { graph: null, keep: 0 });
      const { load } = (await embed(bert, [FOX], platform)).data;
      assert.equal(load.warm, false);
      assert.ok((load.first_run_ms ?? 0) > 0);
      assert.deepEqual(load.session.fixed_shape, platform === 'webnn' ? [1, 16] : null);
      for (const text of [FOX, golden.input_ids]) {
        const { load } = (await embed(bert, [text], platform)).data;
        assert.deepEqual([load.warm, load.fetch_ms, load.compile_ms, load.first_run_ms], [true, null, null, null]);
      }
    });

    test('runs the graph on tensors', async () => {
      const feeds = [
        int64('input_ids', golden.input_ids),
        int64('attention_mask', golden.input_ids.map(() => 1)),
        int64('token_type_ids', golden.input_ids.map(() => 0)),
      ];
      const request = (tensors: Tensor[], outputs: string[] = []) => host().call('run', { graphs: bert, outputs }, { platform: 'wasm', tensors });
      const { tensors } = await request(feeds);
      assert.deepEqual(tensors[0]?.shape, [1, golden.input_ids.length, 32]);
      assert.ok(distance(floats(tensors[0] as Tensor), golden.last_hidden_state.flat()) < 1e-5);
      await assert.rejects(request(feeds.slice(1)), refused('invalid_tensor', /input_ids/));
      await assert.rejects(request([...feeds, int64('extra', [1])]), refused('invalid_tensor', /no input extra/));
      await assert.rejects(request(feeds, ['nonsense']), refused('invalid_tensor', /no output nonsense/));
      const wrong = { ...(feeds[0] as Tensor), dtype: 'float32' as const, shape: [2, golden.input_ids.length] };
      await assert.rejects(request([wrong, ...feeds.slice(1)]), refused('invalid_tensor', /found float32/));
    });

    test('refuses what cannot be embedded and stays usable', async () => {
      const one = (texts: number[][], model = bert, more: Partial<EmbedData> = {}) => embed(model, texts, 'wasm', {}, more);
      await assert.rejects(one([]), refused('bad_request', /at least one text, found none/));
      await assert.rejects(one([FOX, []]), refused('bad_request', /text 2 of 2 .* found 0/));
      await assert.rejects(one([FOX], bert, { lengths: [2] }), refused('bad_request', /int32 \[2\].* found int32 \[3\]/));
      await assert.rejects(one([FOX], bert, { pooling: [] }), refused('bad_request', /pooling/));
      await assert.rejects(one([FOX], bert, { unpooled: 3 }), refused('empty_input', /text 1 of 1 .* the 3 of its prompt/));
      await assert.rejects(one([Array.from({ length: 202 }, () => 136)]), refused('input_too_long', /at most 128 tokens, found 202/));
      const graph = { ...graphOf(bert), cid: 'missing', url: '/models/bert/onnx/absent.onnx' };
      await assert.rejects(one([FOX], { model: graph }), refused('fetch_failed', /404/));
      const text = { ...graphOf(bert), cid: 'text', url: '/models/bert/vocab.txt', size: (await fetch(new URL('/models/bert/vocab.txt', host().url))).headers.get('content-length') };
      await assert.rejects(one([FOX], { model: { ...text, size: Number(text.size) } }), refused('invalid_model', /protobuf/i));
      await assert.rejects(one([FOX], { model: { ...graphOf(bert), cid: 'undeclared', facts: null } }), refused('graph_unknown', /declares, found nothing/));
      const short = { ...graphOf(bert), cid: 'short', size: graphOf(bert).size + 1 };
      await assert.rejects(one([FOX], { model: short }), refused('fetch_failed', /bytes/));
      await assert.rejects(host().request({ type: 'embed', platform: 'wasm', data: null }), refused('bad_request', /found null/));
      await assert.rejects(host().request({ type: 'frobnicate', data: {} }), refused('bad_request', /frobnicate/));
      await assert.rejects(embed(bert, [FOX], 'auto'), refused('bad_request', /auto/));
      await one([FOX]);
    });

    test('ends a fetch that the host takes back', async () => {
      const slow = { ...graphOf(bert), cid: 'slow', url: '/slow' };
      const request = embed({ model: slow }, [FOX], 'wasm');
      const taken = assert.rejects(request, refused('cancelled', /fetched/));
      await host().asked('/slow');
      host().cancel(request.id);
      await taken;
      await embed(bert, [FOX], 'wasm');
    });

    test('refuses a fallback that was not allowed and tells of one that was', async () => {
      const free = { fixed_shapes: false };
      if (!platforms.includes('webnn')) {
        await assert.rejects(embed(bert, [FOX], 'webnn'), refused('platform_unavailable', /webnn/));
        const { data } = await embed(bert, [FOX], 'webnn', { allow_fallback: true });
        assert.equal(data.load.session.execution_provider, 'CPUExecutionProvider');
        assert.equal(data.load.session.placement.nodes_on_provider, 0);
        return;
      }
      await assert.rejects(embed(bert, [FOX], 'webnn', free), refused('fallback_refused', /MatMul/));
      const { data } = await embed(bert, [FOX], 'webnn', { ...free, allow_fallback: true });
      assert.ok(data.load.session.placement.fallback_operators.includes('MatMul'));
    });

    test('answers pings while a model runs, and takes back what waits', async () => {
      // How long a run takes depends on the machine: it grows until a ping and a cancellation fit into it.
      for (let texts = 200, answered = false; !answered; texts *= 2) {
        assert.ok(texts <= 6400, 'no ping was answered and nothing cancelled while a model ran');
        let ended = false;
        const long = embed(bert, Array.from({ length: texts }, () => golden.input_ids), 'wasm');
        void long.then(() => (ended = true));
        const waiting = embed(bert, [FOX], 'wasm');
        // Where the run is over before the cancellation arrives, what waited has run.
        const taken = waiting.then(() => false, refused('cancelled', /before it ran/));
        host().cancel(waiting.id);
        const [cancelled] = await Promise.all([taken, host().ping()]);
        answered = cancelled && !ended;
        await long;
      }
    });

    test('gives 16 MiB back', async () => {
      const bytes = new Uint8Array(16 << 20).fill(7);
      const tensor: Tensor = { name: 'x', dtype: 'uint8', shape: [bytes.length], bytes };
      const { tensors } = await host().request({ type: 'echo' }, [tensor]);
      assert.deepEqual(tensors[0]?.shape, [bytes.length]);
      assert.ok(Buffer.from(bytes.buffer).equals(Buffer.from((tensors[0] as Tensor).bytes)));
    });

    test('other threads are another runtime', async () => {
      const { data } = await embed(bert, [FOX], 'wasm', { threads: 1 });
      assert.equal(data.load.session.threads, 1);
      const { data: kept } = await host().call('dispose', { graph: null, keep: 9 });
      assert.equal(kept.held, 1);
      const { data: again } = await embed(bert, [FOX], 'wasm');
      assert.equal(again.load.warm, false);
    });

    for (const platform of platforms.filter((one) => one !== 'wasm')) {
      test(`the number of threads costs no session on ${platform}`, async () => {
        const { data: first } = await embed(bert, [FOX], platform, { threads: 1 });
        for (const threads of [null, first.load.session.threads + 1]) {
          const { data, tensors } = await embed(bert, [golden.input_ids], platform, { threads });
          assert.deepEqual([data.load.warm, data.load.session.threads], [true, first.load.session.threads]);
          assert.deepEqual(data.load.held, first.load.held);
          isGolden(tensors);
        }
      });
    }

    test('a lost GPU device is an error that may be repeated', { skip: name === 'firefox' && 'its GPU is in the main process' }, async () => {
      await embed(bert, [FOX], 'webgpu');
      browser().killGpuProcess();
      // The browser notices on its own time; until then runs may still end well.
      const error = await (async () => {
        for (let i = 0; i < 50; i++) await embed(bert, [FOX], 'webgpu');
      })().catch((error: unknown) => error);
      refused('device_lost', /webgpu/)(error);
      assert.equal((error as RemoteError).page.repeatable, true);
      await embed(bert, [FOX], 'webgpu');
    });

    test('lets go of sessions', async () => {
      await embed(bert, [FOX], 'wasm');
      const { data } = await host().call('dispose', { graph: null, keep: 0 });
      assert.ok(data.disposed > 0);
      assert.equal(data.held, 0);
      // A device that went with its last session is not a lost one.
      await embed(bert, [FOX], 'webgpu');
      await host().call('dispose', { graph: graphOf(bert).cid, keep: 0 });
      await embed(bert, [FOX], 'webgpu');
    });

    test('runs transformers.js beside itself, and loads it for that alone', async () => {
      const loads = (): boolean => [...host().paths].some((path) => path.includes('transformers'));
      assert.equal(loads(), false);
      const embed: EmbedData = {
        graphs: bert, lengths: [golden.input_ids.length], pad_id: 0, pad_left: false, max_tokens: 128, pooling: ['mean'], unpooled: 0, task_id: null,
      }; // prettier-ignore
      const request: BaselineData = { embed, text: golden.text, normalize: true, repeat: 2, transformers_model_url: '/models/bert/' };
      const { data } = await host().call('baseline', request, { platform: 'wasm', tensors: [int32('input_ids', golden.input_ids)] });
      assert.equal(loads(), true);
      assert.ok(data.max_abs_difference < 1e-5, String(data.max_abs_difference));
      assert.deepEqual([data.pelago_ms.length, data.transformers_ms.length], [2, 2]);
    });

    test('comes back after the socket was lost', async () => {
      const hello = host().hello();
      host().drop();
      await hello;
      await embed(bert, [FOX], 'wasm');
    });
  });
}
