/** Graphs as different exporters write them, tiny ones whose vectors can be told by hand, in real browsers. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { Tensor } from '../../src/link/frame.js';
import type { EmbedData, Platform, Pooling } from '../../src/protocol.js';
import { BOOL, FLOAT, FLOAT16, type GraphSpec, INT32, INT64, type Node, type Value, factsOf, onnx } from '../graph.js';
import { distance, floats, int32, refused } from './ask.js';
import type { Graphs } from './models.js';
import { page } from './page.js';
import type { BrowserName } from './webdriver.js';

/** Token `i` has the vector [i, -i² / 4], the padding token 0 one that no mean hides. */
const vectorOf = (id: number): [number, number] => (id === 0 ? [1000, 1000] : [id, (-id * id) / 4]);
const TABLE = Float32Array.from(Array.from({ length: 8 }, (_, id) => vectorOf(id)).flat());

/** Two texts that go into one run; the shorter is padded. */
const LONG = [1, 2, 3, 4, 5, 6, 7, 1];
const SHORT = [7, 6, 5, 4, 3, 2, 5];

const tokens = (name: string, type = INT64, shape: Value['shape'] = ['batch', 'sequence']): Value => ({ name, type, shape });
const IDS = tokens('input_ids');
const perToken = (name = 'last_hidden_state', type = FLOAT): Value => ({ name, type, shape: ['batch', 'sequence', 2] });
const perText = (name = 'sentence_embedding'): Value => ({ name, type: FLOAT, shape: ['batch', 2] });
const node = (op: string, inputs: string[], output: string, attributes: Node['attributes'] = {}): Node => ({ op, inputs, output, attributes });
const integers = (...given: Parameters<typeof node>): Node => ({ ...node(...given), integer: true });
const int64s = (...values: number[]) => ({ shape: [values.length], data: BigInt64Array.from(values, BigInt) });
const WEIGHTS: Required<GraphSpec>['weights'] = {
  table: { shape: [8, 2], data: TABLE },
  zero: { shape: [1], data: Float32Array.of(0) },
  first: int64s(1),
  last: int64s(2),
  both: int64s(1, 2),
  end: { shape: [], data: BigInt64Array.of(-1n) },
};
/** Where the graphs are; served as `/graphs/`. */
const folder = mkdtempSync(join(tmpdir(), 'pelago-graphs-'));
/** A model that is nothing but this graph, in a file. */
function model(name: string, inputs: Value[], outputs: Value[], ...nodes: Node[]): Graphs {
  const spec = { inputs, outputs, nodes, weights: WEIGHTS };
  const bytes = onnx(spec);
  const file = `${name}.onnx`;
  writeFileSync(join(folder, file), bytes);
  const model = { cid: `graph-${name}`, url: `/graphs/${file}`, size: bytes.length, facts: factsOf(spec), external_data: [] };
  return { model };
}
const lookup = (output: string, type = INT64): Node[] =>
  type === INT64 ? [node('Gather', ['table', 'input_ids'], output)] : [integers('Cast', ['input_ids'], 'ids', { to: INT64 }), node('Gather', ['table', 'ids'], output)];
/** A number a token as one a vector's element. */
const spread = (input: string, cast = integers): Node[] => [cast('Cast', [input], `${input}_f`, { to: FLOAT }), node('Unsqueeze', [`${input}_f`, 'last'], `${input}_v`)];

const plain = model('plain', [IDS], [perToken()], ...lookup('last_hidden_state'));
const lastColumn = model('last-column', [IDS], [perText()], ...lookup('x'), node('Gather', ['x', 'end'], 'sentence_embedding', { axis: 1 }));
const half = model('half', [IDS], [perToken('last_hidden_state', FLOAT16)], ...lookup('x'), node('Cast', ['x'], 'last_hidden_state', { to: FLOAT16 }));
const textEmbeds = model('text-embeds', [IDS], [perToken('text_embeds')], ...lookup('text_embeds'));
const boolMask = model(
  'bool-mask',
  [IDS, tokens('attention_mask', BOOL)],
  [perText()],
  ...lookup('x'),
  integers('Unsqueeze', ['attention_mask', 'last'], 'mask'),
  node('Where', ['mask', 'x', 'zero'], 'seen'),
  node('ReduceSum', ['seen', 'first'], 'sentence_embedding', { keepdims: 0 }),
);
/** The sum of all that follows from the ids, in the types of several exporters. */
const otherTypes = model(
  'other-types',
  [tokens('input_ids', INT32), tokens('attention_mask', FLOAT), tokens('token_type_ids', INT32), tokens('position_ids', INT64)],
  [perToken('token_embeddings')],
  ...lookup('x', INT32),
  ...spread('attention_mask', node),
  ...spread('token_type_ids'),
  ...spread('position_ids'),
  node('Mul', ['x', 'attention_mask_v'], 'seen'),
  node('Add', ['seen', 'token_type_ids_v'], 'typed'),
  node('Add', ['typed', 'position_ids_v'], 'token_embeddings'),
);
/** A decoder that was exported with its cache: its vectors are those of the cache and then its own. */
const cached = model(
  'cached',
  [
    IDS,
    tokens('attention_mask', INT64, ['batch', 'past_sequence_length + sequence_length']),
    { name: 'use_cache_branch', type: BOOL, shape: [1] },
    { name: 'past_key_values.0.key', type: FLOAT, shape: ['batch', 1, 'past_sequence_length', 2] },
    { name: 'past_key_values.0.value', type: FLOAT16, shape: ['batch', 1, 'past_sequence_length', 2] },
  ],
  [
    { name: 'last_hidden_state', type: FLOAT, shape: ['batch', 'past_sequence_length + sequence_length', 2] },
    { name: 'present.0.key', type: FLOAT, shape: ['batch', 1, 'past_sequence_length + sequence_length', 2] },
  ],
  ...lookup('x'),
  node('Unsqueeze', ['x', 'first'], 'heads'),
  node('Concat', ['past_key_values.0.key', 'heads'], 'present.0.key', { axis: 2 }),
  node('Squeeze', ['present.0.key', 'first'], 'all'),
  integers('Cast', ['use_cache_branch'], 'branch', { to: FLOAT }),
  node('Add', ['all', 'branch'], 'shifted'),
  ...spread('attention_mask'),
  node('Mul', ['shifted', 'attention_mask_v'], 'last_hidden_state'),
);
const scalarTask = model(
  'scalar-task',
  [IDS, { name: 'task_id', type: INT64, shape: [] }],
  [perToken('text_embeds')],
  ...lookup('x'),
  integers('Cast', ['task_id'], 'task', { to: FLOAT }),
  node('Add', ['x', 'task'], 'text_embeds'),
);
const rowTask = model(
  'row-task',
  [IDS, { name: 'task_id', type: INT64, shape: ['batch'] }],
  [perToken('text_embeds')],
  ...lookup('x'),
  integers('Cast', ['task_id'], 'task', { to: FLOAT }),
  node('Unsqueeze', ['task', 'both'], 'shift'),
  node('Add', ['x', 'shift'], 'text_embeds'),
);
/** onnxruntime does not see how many dimensions the output has. */
const unranked = (output: string): Graphs =>
  model(
    `unranked-${output}`,
    [IDS],
    [{ name: output, type: FLOAT, shape: null }],
    ...lookup('vectors'),
    integers('Shape', ['vectors'], 'shape'),
    integers('Equal', ['shape', 'shape'], 'same'),
    integers('Compress', ['shape', 'same'], 'dimensions'),
    node('Reshape', ['vectors', 'dimensions'], output),
  );
const oneShape = model('one-shape', [tokens('input_ids', INT64, [1, 4])], [{ name: 'x', type: FLOAT, shape: [1, 4, 2] }], ...lookup('x'));

const mean = (ids: readonly number[]): number[] => {
  const sum = [0, 0];
  for (const id of ids) vectorOf(id).forEach((value, j) => (sum[j] = (sum[j] as number) + value));
  return sum.map((value) => value / ids.length);
};
/** What sentence-transformers' Pooling gives for a text alone. */
const POOLED: Readonly<Record<Pooling, (ids: readonly number[]) => number[]>> = {
  cls: (ids) => vectorOf(ids[0] as number),
  max: (ids) => [Math.max(...ids.map((id) => vectorOf(id)[0])), Math.max(...ids.map((id) => vectorOf(id)[1]))],
  mean,
  mean_sqrt_len_tokens: (ids) => mean(ids).map((value) => value * Math.sqrt(ids.length)),
  weightedmean: (ids) => mean(ids.flatMap((id, position) => Array.from({ length: position + 1 }, () => id))),
  lasttoken: (ids) => vectorOf(ids.at(-1) as number),
};
const ALL = Object.keys(POOLED) as Pooling[];

const routes: ReadonlyArray<[BrowserName, readonly Platform[]]> = [
  ['chromium', ['wasm', 'webgpu']],
  ['headless-shell', ['webnn']],
  ['firefox', ['wasm', 'webgpu']],
];

after(() => rmSync(folder, { recursive: true }));

for (const [name, platforms] of routes) {
  describe(name, { timeout: 300_000 }, () => {
    const { host, embed } = page(name, { graphs: folder });

    for (const platform of platforms) {
      /** The vectors of these texts, all in one tensor. */
      const ask = async (given: Graphs, ids: readonly number[][], more: Partial<EmbedData> = {}, tensors: Tensor[] = [], options = {}) => {
        const answer = await embed(given, ids, platform, options, more, tensors);
        const [tensor] = answer.tensors as [Tensor];
        return { data: answer.data, shape: tensor.shape, values: floats(tensor) };
      };
      const equal = (found: Float32Array, ...rows: number[][]): void =>
        assert.ok(distance(found, rows.flat()) < 1e-4, `${[...found].join()}, not ${rows.join()}`);
      const [width, padded] = platform === 'webnn' ? [16, 32] : [8, 16];

      test(`pools in each way and in all at once on ${platform}`, async () => {
        for (const pad_left of [false, true]) {
          for (const pooling of ALL) {
            const { data, values } = await ask(plain, [LONG, SHORT], { pooling: [pooling], pad_left });
            equal(values, POOLED[pooling](LONG), POOLED[pooling](SHORT));
            assert.deepEqual([data.pooling, data.pooled_by_graph], [pooling, false]);
            assert.deepEqual([data.padded_shape, data.padded_tokens], [[2, width], padded]);
          }
          const { data, shape, values } = await ask(plain, [SHORT, LONG], { pooling: ALL, pad_left });
          assert.deepEqual(shape, [2, 2 * ALL.length]);
          equal(values, ...[SHORT, LONG].map((text) => ALL.flatMap((pooling) => POOLED[pooling](text))));
          assert.equal(data.pooling, 'cls+max+mean+mean_sqrt_len_tokens+weightedmean+lasttoken');
        }
      });

      test(`leaves a prompt out of pooling on ${platform}`, async () => {
        const pooling: Pooling[] = ['cls', 'max', 'mean', 'lasttoken'];
        const expected = [LONG, SHORT].map((text) => pooling.flatMap((one) => POOLED[one](text.slice(3))));
        for (const pad_left of [false, true]) equal((await ask(plain, [LONG, SHORT], { pooling, pad_left, unpooled: 3 })).values, ...expected);
        await assert.rejects(ask(lastColumn, [LONG], { unpooled: 1 }), refused('invalid_model', /a prompt is left out/));
      });

      test(`pads on the side that the tokenizer pads on ${platform}`, async () => {
        const left = await ask(lastColumn, [LONG, SHORT], { pad_left: true });
        equal(left.values, vectorOf(1), vectorOf(5));
        assert.deepEqual([left.data.pooling, left.data.pooled_by_graph], ['sentence_embedding', true]);
        const right = await ask(lastColumn, [LONG, SHORT], { pad_left: false });
        equal(right.values.subarray(2), vectorOf(0));
      });

      test(`takes the inputs of other exporters on ${platform}`, async () => {
        const sum = (ids: number[]): number[] => mean(ids).map((value) => value * ids.length);
        equal((await ask(boolMask, [LONG, SHORT])).values, sum(LONG), sum(SHORT));
        const types = int32('token_type_ids', [...LONG.map(() => 0), ...SHORT.map(() => 2)]);
        const { values } = await ask(otherTypes, [LONG, SHORT], {}, [types]);
        equal(values, mean(LONG).map((value) => value + 3.5), mean(SHORT).map((value) => value + 2 + 3));
      });

      test(`names the task on ${platform}`, async () => {
        for (const given of [scalarTask, rowTask])
          equal((await ask(given, [LONG, SHORT], { task_id: 4 })).values, mean(LONG).map((value) => value + 4), mean(SHORT).map((value) => value + 4));
        await assert.rejects(ask(scalarTask, [LONG]), refused('invalid_model', /Expected a task .* task_id, found none/));
      });

      test(`reads text_embeds with a vector a token on ${platform}`, async () => {
        equal((await ask(textEmbeds, [LONG, SHORT])).values, mean(LONG), mean(SHORT));
      });

      test(`reads float16 on ${platform}`, async () => {
        const { data } = await host().call('capabilities', null);
        if (platform === 'webgpu' && !data.webgpu.features.includes('shader-f16'))
          await assert.rejects(ask(half, [LONG, SHORT]), refused('execution_failed', /f16/));
        else equal((await ask(half, [LONG, SHORT])).values, mean(LONG), mean(SHORT));
      });

      test(`begins with an empty cache on ${platform}`, async () => {
        // WebNN has no tensors without elements: what joins the cache runs on wasm, where that is allowed.
        const fallback = platform === 'webnn';
        if (fallback) await assert.rejects(ask(cached, [LONG]), refused('fallback_refused', /Concat/));
        const { data, values } = await ask(cached, [LONG, SHORT], {}, [], { allow_fallback: fallback });
        equal(values, mean(LONG), mean(SHORT));
        assert.deepEqual(data.load.session.fixed_shape, fallback ? [2, 16] : null);
      });

      test(`keeps the shape that a graph was exported for on ${platform}`, async () => {
        const { data, values } = await ask(oneShape, [[1, 2, 3], [4, 5, 6, 7]]);
        equal(values, mean([1, 2, 3]), mean([4, 5, 6, 7]));
        assert.deepEqual([data.padded_shape, data.padded_tokens], [[1, 4], 8]);
        await assert.rejects(ask(oneShape, [LONG]), refused('input_too_long', /at most 4 tokens, found 8/));
      });

      test(`refuses by name what it cannot tell on ${platform}`, async () => {
        for (const input of ['offsets', 'decoder_input_ids']) {
          const other = model(`with-${input}`, [IDS, tokens(input, INT64, ['texts'])], [perToken()], ...lookup('last_hidden_state'));
          await assert.rejects(ask(other, [LONG]), refused('invalid_model', new RegExp(`found the input ${input}\\.`)));
        }
        const two = model('two', [IDS], [perToken('a'), perToken('b')], ...lookup('a'), node('Add', ['a', 'zero'], 'b'));
        await assert.rejects(ask(two, [LONG]), refused('invalid_model', /found a and b, all of 3 dimensions/));
        equal((await ask(plain, [LONG])).values, mean(LONG));
      });
    }

    test('reads an output of unknown rank by its name', async () => {
      const { tensors } = await embed(unranked('last_hidden_state'), [LONG], 'wasm');
      assert.ok(distance(floats(tensors[0] as Tensor), mean(LONG)) < 1e-4);
      await assert.rejects(embed(unranked('x'), [LONG], 'wasm'), refused('invalid_model', /found x: float32 \[\]/));
    });
  });
}
