/** The built page in real browsers, on the tiny BERT with its golden outputs. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Tensor } from '../../src/frame.js';
import type { Capabilities, EmbedData, EmbedResult, LoadResult, ModelSource, RunData, RunResult } from '../../src/protocol.js';
import { Host, RemoteError } from './host.js';
import { FIXTURES, PAGE, bert, golden } from './models.js';
import { Browser, type BrowserName } from './webdriver.js';

const floats = ({ bytes }: Tensor): Float32Array => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  assert.equal(a.length, b.length);
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - (b[i] as number))));
};
const embedding = (model: ModelSource, texts: string[], platform: string, options = {}) =>
  ({ type: 'embed', platform, options, data: { model, texts } satisfies EmbedData }) as never;
const int64 = (name: string, values: number[]): Tensor => ({
  name,
  dtype: 'int64',
  shape: [1, values.length],
  bytes: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
});
const refused = (code: string, words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RemoteError, String(error));
  assert.equal(error.page.code, code, error.page.message);
  assert.match(error.page.message, words);
  assert.notEqual(error.page.help, '');
  return true;
};

/** What a page of a browser without JSPI finds. */
const NO_JSPI = 'delete WebAssembly.Suspending';

const routes: ReadonlyArray<[BrowserName, readonly string[], script?: string]> = [
  ['chromium', ['wasm', 'webgpu']],
  ['chromium', ['wasm', 'webgpu'], NO_JSPI],
  ['headless-shell', ['wasm', 'webgpu', 'webnn']],
  ['firefox', ['wasm', 'webgpu']],
];

for (const [name, platforms, script] of routes) {
  describe(script === NO_JSPI ? `${name} without JSPI` : name, { timeout: 300_000 }, () => {
    let host: Host;
    let browser: Browser;

    before(async () => {
      host = await Host.start({ '/': join(PAGE, 'dist'), '/models/': FIXTURES }, script);
      browser = await Browser.open(name);
      const hello = host.hello();
      await browser.go(host.url);
      await hello;
    });
    after(async () => {
      await browser?.close();
      await host?.close();
    });

    test('says what the browser has', async () => {
      const { data } = await host.request<Capabilities>({ type: 'capabilities' });
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
        const { data, tensors } = await host.request<EmbedResult>(embedding(bert, [golden.text], platform, { normalize: true }));
        assert.ok(distance(floats(tensors[0] as Tensor), golden.mean_normalized) < 1e-5);
        // A small graph is fetched once for all platforms.
        assert.equal(platform === platforms[0], host.progress.some(({ phase, file, loaded, total }) => phase === 'fetch' && file === 'model.onnx' && loaded === total));
        assert.ok(host.progress.some(({ phase }) => phase === 'compile'));
        host.progress.length = 0;
        assert.deepEqual(data.tokens, [golden.input_ids.length]);
        const { placement, execution_provider } = data.load.session;
        assert.deepEqual(placement.fallback_operators, []);
        assert.equal(placement.nodes_on_provider + placement.nodes_shape_arithmetic, placement.nodes_total);
        assert.equal(execution_provider, { wasm: 'CPUExecutionProvider', webgpu: 'WebGpuExecutionProvider', webnn: 'WebNNExecutionProvider' }[platform]);
        assert.equal(data.load.session.build, script === NO_JSPI ? 'asyncify' : 'jspi');
        assert.deepEqual(data.load.session.fixed_shape, platform === 'webnn' ? [1, 16] : null);
      });

      test(`a batch on ${platform} is what its texts are alone`, async () => {
        const texts = [golden.text, 'fox', 'the dog jumps over the quick brown fox and the lazy dog'];
        const { data, tensors } = await host.request<EmbedResult>(embedding(bert, texts, platform));
        assert.equal(data.tokens.length, 3);
        const all = floats(tensors[0] as Tensor);
        for (const [i, text] of texts.entries()) {
          const alone = await host.request<EmbedResult>(embedding(bert, [text], platform));
          assert.ok(distance(all.subarray(i * 32, (i + 1) * 32), floats(alone.tensors[0] as Tensor)) < 1e-5, text);
        }
      });
    }

    test('runs the graph on tensors', async () => {
      const feeds = [
        int64('input_ids', golden.input_ids),
        int64('attention_mask', golden.input_ids.map(() => 1)),
        int64('token_type_ids', golden.input_ids.map(() => 0)),
      ];
      const data: RunData = { model: bert, outputs: [] };
      const request = (tensors: Tensor[], outputs: string[] = []) =>
        host.request<RunResult>({ type: 'run', platform: 'wasm', data: { ...data, outputs } } as never, tensors);
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
      const one = (texts: string[], model = bert) => host.request(embedding(model, texts, 'wasm'));
      await assert.rejects(one([' \n']), refused('empty_input', /text 1 of 1/));
      await assert.rejects(one([]), refused('empty_input', /found none/));
      await assert.rejects(one(['fox '.repeat(200)]), refused('input_too_long', /at most 128 tokens .* found \d+/));
      const graph = { ...bert.graph, cid: 'missing', url: '/models/bert/onnx/absent.onnx' };
      await assert.rejects(one(['fox'], { ...bert, graph }), refused('fetch_failed', /404/));
      const text = { ...bert.graph, cid: 'text', url: '/models/bert/vocab.txt', size: (await fetch(new URL('/models/bert/vocab.txt', host.url))).headers.get('content-length') };
      await assert.rejects(one(['fox'], { ...bert, graph: { ...text, size: Number(text.size) } }), refused('invalid_model', /ONNX/));
      const short = { ...bert.graph, cid: 'short', size: bert.graph.size + 1 };
      await assert.rejects(one(['fox'], { ...bert, graph: short }), refused('fetch_failed', /bytes/));
      await assert.rejects(host.request({ type: 'embed', platform: 'wasm', data: null }), refused('bad_request', /found null/));
      await assert.rejects(host.request({ type: 'frobnicate', data: {} }), refused('bad_request', /frobnicate/));
      await assert.rejects(host.request(embedding(bert, ['fox'], 'auto')), refused('bad_request', /auto/));
      await one(['fox']);
    });

    test('ends a fetch that the host takes back', async () => {
      const slow = { ...bert.graph, cid: 'slow', url: '/slow' };
      const request = host.request(embedding({ ...bert, graph: slow }, ['fox'], 'wasm'));
      const taken = assert.rejects(request, refused('cancelled', /fetched/));
      await host.asked('/slow');
      host.cancel(request.id);
      await taken;
      await host.request(embedding(bert, ['fox'], 'wasm'));
    });

    test('refuses a fallback that was not allowed and tells of one that was', async () => {
      const free = { fixed_shapes: false };
      if (!platforms.includes('webnn')) {
        await assert.rejects(host.request(embedding(bert, ['fox'], 'webnn')), refused('platform_unavailable', /webnn/));
        const { data } = await host.request<EmbedResult>(embedding(bert, ['fox'], 'webnn', { allow_fallback: true }));
        assert.equal(data.load.session.execution_provider, 'CPUExecutionProvider');
        assert.equal(data.load.session.placement.nodes_on_provider, 0);
        return;
      }
      await assert.rejects(host.request(embedding(bert, ['fox'], 'webnn', free)), refused('fallback_refused', /MatMul/));
      const { data } = await host.request<EmbedResult>(embedding(bert, ['fox'], 'webnn', { ...free, allow_fallback: true }));
      assert.ok(data.load.session.placement.fallback_operators.includes('MatMul'));
    });

    test('answers pings while a model runs, and takes back what waits', async () => {
      const long = host.request(embedding(bert, Array.from({ length: 200 }, () => golden.text), 'wasm'));
      let ended = false;
      void long.then(() => (ended = true));
      const waiting = host.request(embedding(bert, ['fox'], 'wasm'));
      const taken = assert.rejects(waiting, refused('cancelled', /before it ran/));
      host.cancel(waiting.id);
      await Promise.all([host.ping(), taken]);
      assert.equal(ended, false);
      await long;
    });

    test('gives 16 MiB back', async () => {
      const bytes = new Uint8Array(16 << 20).fill(7);
      const tensor: Tensor = { name: 'x', dtype: 'uint8', shape: [bytes.length], bytes };
      const { tensors } = await host.request({ type: 'echo' }, [tensor]);
      assert.deepEqual(tensors[0]?.shape, [bytes.length]);
      assert.ok(Buffer.from(bytes.buffer).equals(Buffer.from((tensors[0] as Tensor).bytes)));
    });

    test('other threads are another runtime', async () => {
      const { data } = await host.request<EmbedResult>(embedding(bert, ['fox'], 'wasm', { threads: 1 }));
      assert.equal(data.load.session.threads, 1);
      const { data: kept } = await host.request<{ held: number }>({ type: 'dispose', data: { graph: null, keep: 9 } });
      assert.equal(kept.held, 1);
      const { data: again } = await host.request<EmbedResult>(embedding(bert, ['fox'], 'wasm'));
      assert.equal(again.load.warm, false);
    });

    test('a lost GPU device is an error that may be repeated', { skip: name === 'firefox' && 'its GPU is in the main process' }, async () => {
      await host.request(embedding(bert, ['fox'], 'webgpu'));
      browser.killGpuProcess();
      // The browser notices on its own time; until then runs may still end well.
      const error = await (async () => {
        for (let i = 0; i < 50; i++) await host.request(embedding(bert, ['fox'], 'webgpu'));
      })().catch((error: unknown) => error);
      refused('device_lost', /webgpu/)(error);
      assert.equal((error as RemoteError).page.repeatable, true);
      await host.request(embedding(bert, ['fox'], 'webgpu'));
    });

    test('lets go of sessions', async () => {
      await host.request<LoadResult>({ type: 'load', platform: 'wasm', data: { model: bert, shape: null } } as never);
      const { data } = await host.request<{ disposed: number; held: number }>({ type: 'dispose', data: { graph: null, keep: 0 } });
      assert.ok(data.disposed > 0);
      assert.equal(data.held, 0);
      // A device that went with its last session is not a lost one.
      await host.request(embedding(bert, ['fox'], 'webgpu'));
      await host.request({ type: 'dispose', data: { graph: bert.graph.cid, keep: 0 } });
      await host.request(embedding(bert, ['fox'], 'webgpu'));
    });

    test('comes back after the socket was lost', async () => {
      const hello = host.hello();
      host.drop();
      await hello;
      await host.request<EmbedResult>(embedding(bert, ['fox'], 'wasm'));
    });
  });
}
