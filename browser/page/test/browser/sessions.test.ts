/** Which sessions a page holds: within a budget, when memory is short, and after a failure that may have left the runtime broken. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ELEMENT_SIZE, type Tensor } from '../../src/link/frame.js';
import type { DType, EmbedResult, ExternalData, HeldSession, Platform } from '../../src/protocol.js';
import { FLOAT, type GraphSpec, INT64, type Weight, factsOf, onnx } from '../graph.js';
import { distance, floats, isGolden, refused } from './ask.js';
import type { Answer } from './host.js';
import { FIXTURES, type Graphs, bert, golden, graphOf, modelSource } from './models.js';
import { page } from './page.js';
import type { BrowserName } from './webdriver.js';

/** Where the graphs are; served as `/graphs/`. */
const folder = mkdtempSync(join(tmpdir(), 'pelago-sessions-'));
after(() => rmSync(folder, { recursive: true }));

const OUTPUT = 'last_hidden_state';

/** A model with the vectors of `table` for its tokens, and what else its nodes make of them. */
function model(name: string, table: Weight, external_data: ExternalData[] = [], { nodes, weights }: Partial<GraphSpec> = {}): Graphs {
  const spec = {
    inputs: [{ name: 'input_ids', type: INT64, shape: ['batch', 'sequence'] }],
    outputs: [{ name: OUTPUT, type: FLOAT, shape: ['batch', 'sequence', 2] }],
    nodes: nodes ?? [{ op: 'Gather', inputs: ['table', 'input_ids'], output: OUTPUT }],
    weights: { table, ...weights },
  };
  const bytes = onnx(spec);
  writeFileSync(join(folder, `${name}.onnx`), bytes);
  const model = { cid: `graph-${name}`, url: `/graphs/${name}.onnx`, size: bytes.length, facts: factsOf(spec), external_data };
  return { model };
}

/** A model with the vector [id * scale, 1] for each token. */
const scaled = (name: string, scale: number): Graphs =>
  model(name, { shape: [64, 2], data: Float32Array.from(Array.from({ length: 64 }, (_, id) => [id * scale, 1]).flat()) });

const NOTHING: Weight = { shape: [1, 2], data: Float32Array.of(0, 0) };
const nonsense = model('nonsense', NOTHING, [], { nodes: [{ op: 'Nonsense', inputs: ['table', 'input_ids'], output: OUTPUT }] });
const weightless = model('weightless', { shape: [1, 2], data: 'absent.bin' });
/** Has 8 GiB between two nodes: onnxruntime takes that, WebNN throws while it compiles the graph, and wasm traps on that. */
const oversized = model('oversized', NOTHING, [], {
  nodes: [
    { op: 'Gather', inputs: ['table', 'input_ids'], output: 'vectors' },
    { op: 'Expand', inputs: ['vectors', 'size'], output: 'large' },
    { op: 'ReduceMax', inputs: ['large'], output: OUTPUT, attributes: { axes: [0], keepdims: 1 } },
  ],
  weights: { size: { shape: [3], data: BigInt64Array.of(2n ** 26n, 16n, 2n) } },
});

/** A decoder that was merged with its own version without a cache: onnxruntime's WebNN provider throws while it builds that. */
const t5Decoder = modelSource('t5', join(FIXTURES, 't5'), 'onnx/decoder_model_merged.onnx');
const zeros = (name: string, dtype: DType, shape: readonly number[]): Tensor => ({
  name,
  dtype,
  shape,
  bytes: new Uint8Array(shape.reduce((product, size) => product * size, ELEMENT_SIZE[dtype])),
});
const DECODER_INPUTS = [
  zeros('input_ids', 'int64', [1, 1]),
  zeros('encoder_attention_mask', 'int64', [1, 3]),
  zeros('encoder_hidden_states', 'float32', [1, 3, 32]),
  zeros('use_cache_branch', 'bool', [1]),
  ...[0, 1].flatMap((layer) =>
    ['decoder.key', 'decoder.value', 'encoder.key', 'encoder.value'].map((part) =>
      zeros(`past_key_values.${layer}.${part}`, 'float32', [1, 4, part.startsWith('encoder') ? 3 : 1, 8]),
    ),
  ),
];

const TEXT = [1, 2, 3];
const MEAN = 2;
const double = scaled('double', 2);
const triple = scaled('triple', 3);
const SIZE = graphOf(double).size;
assert.equal(graphOf(triple).size, SIZE);

const answers = ({ tensors }: Answer<EmbedResult>, scale: number): void =>
  assert.ok(distance(floats(tensors[0] as Tensor), [MEAN * scale, 1]) < 1e-5, `${floats(tensors[0] as Tensor).join()} for ${scale}`);
const held = (model: Graphs, platform: Platform, shape: [number, number] | null = null, bytes = graphOf(model).size): HeldSession => ({
  graph: graphOf(model).cid,
  platform,
  bytes,
  shape,
});

const routes: ReadonlyArray<[BrowserName, readonly Platform[]]> = [
  ['chromium', ['wasm', 'webgpu']],
  ['headless-shell', ['webnn']],
  ['firefox', ['wasm']],
];

for (const [name, platforms] of routes) {
  describe(name, { timeout: 300_000 }, () => {
    const { host, embed } = page(name, { graphs: folder });
    const decode = (platform: Platform): Promise<unknown> =>
      host().call('run', { graphs: t5Decoder, outputs: ['logits'] }, { platform, tensors: DECODER_INPUTS });
    const forget = (): Promise<unknown> => host().call('dispose', { graph: null, keep: 0 });

    for (const platform of platforms) {
      const shape: [number, number] | null = platform === 'webnn' ? [1, 16] : null;

      test(`two models that fit one by one take turns on ${platform}`, async () => {
        await forget();
        for (const memory_budget of [SIZE, 1]) {
          for (const [given, scale] of [[double, 2], [triple, 3], [double, 2]] as const) {
            const answer = await embed(given, [TEXT], platform, { memory_budget });
            answers(answer, scale);
            assert.deepEqual(answer.data.load.held, [held(given, platform, shape)]);
          }
          const again = await embed(double, [TEXT], platform, { memory_budget });
          assert.equal(again.data.load.warm, true, 'what is held is used, even where it is more than the budget');
        }
      });

      test(`without a budget all stay on ${platform}`, async () => {
        await forget();
        const both = [held(double, platform, shape), held(triple, platform, shape)];
        await embed(triple, [TEXT], platform);
        assert.deepEqual((await embed(double, [TEXT], platform)).data.load.held, both);
        const warm = await embed(triple, [TEXT], platform);
        answers(warm, 3);
        assert.equal(warm.data.load.warm, true);
        assert.deepEqual(warm.data.load.held, [...both].reverse(), 'the most recently used first');
      });

      test(`a creation that fails leaves the next model right, after ${platform}`, async () => {
        const broken: Array<[Graphs, string]> = [[nonsense, 'invalid_model'], [weightless, 'invalid_model']];
        if (platform === 'webnn') broken.push([oversized, 'execution_failed']);
        const leavesRight = async ([one, code]: [Graphs, string], next: Platform): Promise<void> => {
          await embed(bert, [golden.input_ids], next);
          await embed(double, [TEXT], next);
          const fails = assert.rejects(embed(one, [TEXT], platform), refused(code, /building the session/));
          // It waits while the creation fails, and is not lost with it.
          const answer = await embed(bert, [golden.input_ids], next);
          await fails;
          isGolden(answer.tensors);
          assert.equal(answer.data.load.warm, false);
          const nextShape: [number, number] | null = next === 'webnn' ? [1, 16] : null;
          assert.deepEqual(answer.data.load.held, [held(bert, next, nextShape)], 'all others went with their runtime');
          answers(await embed(double, [TEXT], next), 2);
        };
        for (const one of broken) await leavesRight(one, 'wasm');
        if (platform !== 'wasm') await leavesRight(broken[0] as [Graphs, string], platform);
      });
    }

    if (platforms.includes('webnn')) {
      test('the next model is right on every platform, after WebNN threw while it built a session', async () => {
        for (const platform of ['wasm', 'webnn', 'webgpu'] as const) {
          await forget();
          await assert.rejects(decode('webnn'), refused('execution_failed', /building the session for webnn.*raw_hash_map/));
          // In the runtime that failed, wasm would now be wrong by 0.1.
          const { data, tensors } = await embed(bert, [golden.input_ids], platform);
          isGolden(tensors);
          assert.equal(data.load.warm, false);
        }
      });

      test('each fixed shape counts by itself', async () => {
        await forget();
        const text = (length: number): number[][] => [Array.from({ length }, () => MEAN)];
        const shapes = async (length: number): Promise<unknown> => {
          const answer = await embed(double, text(length), 'webnn', { memory_budget: 2 * SIZE });
          answers(answer, 2);
          return answer.data.load.held.map(({ shape }) => shape);
        };
        assert.deepEqual(await shapes(10), [[1, 16]]);
        assert.deepEqual(await shapes(20), [[1, 24], [1, 16]]);
        assert.deepEqual(await shapes(10), [[1, 16], [1, 24]]);
        assert.deepEqual(await shapes(30), [[1, 32], [1, 16]]);
      });
    }

    test('a request for other threads waits for what runs, and says what is left', async () => {
      await embed(double, [TEXT], 'wasm');
      const long = embed(bert, Array.from({ length: 100 }, () => golden.input_ids), 'wasm');
      const other = embed(triple, [TEXT], 'wasm', { threads: 1 });
      assert.equal((await long).tensors[0]?.shape[0], 100);
      answers(await other, 3);
      assert.equal((await other).data.load.session.threads, 1);
      assert.deepEqual((await other).data.load.held, [held(triple, 'wasm')]);
      answers(await embed(double, [TEXT], 'wasm'), 2);
    });

    test('a model that no memory holds is refused in bytes, and the next one runs', async () => {
      await forget();
      await embed(double, [TEXT], 'wasm');
      const size = 2 ** 50;
      const giant = model('giant', { shape: [1, 2], data: 'giant.bin' }, [{ location: 'giant.bin', url: '/graphs/giant.bin', size }]);
      await assert.rejects(embed(giant, [TEXT], 'wasm'), (error) => {
        refused('out_of_memory', new RegExp(`needed ${size + graphOf(giant).size} bytes for a session, beside ${SIZE} bytes of other models, which were released first`))(error);
        assert.match((error as { page: { help: string } }).page.help, /:unload MODEL.*lower precision/);
        return true;
      });
      answers(await embed(double, [TEXT], 'wasm'), 2);
    });
  });
}

const MIB = 2 ** 20;
/** A page whose wasm has room for one large model only: onnxruntime itself needs some 10 MiB. */
const CAP = 64 * MIB;
const CAPPED = `{
  const { Memory } = WebAssembly;
  WebAssembly.Memory = function (descriptor) {
    return new Memory({ ...descriptor, maximum: Math.min(descriptor.maximum, ${CAP / 65_536}) });
  };
}`;

describe('chromium with little memory', { timeout: 300_000 }, () => {
  const { embed } = page('chromium', { graphs: folder, executorScript: CAPPED });
  const large = (name: string, mib: number): Graphs => {
    const data = new Float32Array((mib * MIB) / 4);
    for (let id = 0; id < 64; id++) data.set([id * mib, 1], 2 * id);
    writeFileSync(join(folder, `${name}.bin`), data);
    const weights = { location: `${name}.bin`, url: `/graphs/${name}.bin`, size: data.byteLength };
    return model(name, { shape: [data.length / 2, 2], data: weights.location }, [weights]);
  };
  const bytes = (given: Graphs): number => graphOf(given).size + (graphOf(given).external_data[0]?.size ?? 0);

  test('one that has no room beside others is run without them', async () => {
    const [first, second] = [large('first', 32), large('second', 33)];
    answers(await embed(first, [TEXT], 'wasm'), 32);
    const answer = await embed(second, [TEXT], 'wasm');
    answers(answer, 33);
    assert.deepEqual(answer.data.load.held, [held(second, 'wasm', null, bytes(second))]);
    answers(await embed(first, [TEXT], 'wasm'), 32);
  });

  test('one that has no room even alone is refused, and the next one runs', async () => {
    const much = large('much', 80);
    await assert.rejects(embed(much, [TEXT], 'wasm'), refused('out_of_memory', new RegExp(`needed ${bytes(much)} bytes for a session`)));
    answers(await embed(double, [TEXT], 'wasm'), 2);
  });
});

/** Says when onnxruntime has its GPU device, which is while it builds the first session. */
const TELLS_OF_DEVICES = `{
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...given) {
    const device = await requestDevice.apply(this, given);
    void fetch('/device');
    return device;
  };
}`;

describe('chromium whose GPU process ends', { timeout: 300_000 }, () => {
  const { host, browser, embed } = page('chromium', { executorScript: TELLS_OF_DEVICES });

  test('a device that is lost while the first session is built ends the request, and the next one runs', { timeout: 120_000 }, async () => {
    const made = host().asked('/device');
    const lost = assert.rejects(embed(bert, [golden.input_ids], 'webgpu'), refused('device_lost', /webgpu/));
    await made;
    browser().killGpuProcess();
    await lost;
    for (const platform of ['wasm', 'webgpu'] as const) isGolden((await embed(bert, [golden.input_ids], platform)).tensors);
  });
});
