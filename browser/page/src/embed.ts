/** Texts to vectors: tokenise, run, pool as the model says, normalise. */

import { plan, type Run, bucketBatch, bucketLength } from './buckets.js';
import { PageFault } from './errors.js';
import type { Tensor } from './frame.js';
import { type EmbeddingModel, embeddingModel } from './model.js';
import type { GraphInput } from './onnx.js';
import { normalizeRows, poolRow } from './pooling.js';
import type { EmbedData, EmbedResult, LoadData, LoadResult, ModelSource } from './protocol.js';
import { runHeld } from './run.js';
import { ort } from './runtime.js';
import { type Fixed, type Held, type Wanted, graphOf, session } from './sessions.js';
import { checkOutput } from './tensors.js';

/** The token ids of one text. */
interface Encoded {
  readonly ids: readonly number[];
  readonly types: readonly number[] | null;
}

/** The graph's batch and length, fixed: the first two dimensions of its token ids. */
function fixedTo(inputs: readonly GraphInput[], batch: number, length: number): Fixed {
  const ids = inputs.find(({ name }) => name === 'input_ids') ?? inputs[0];
  const overrides: Record<string, number> = {};
  const [rows, columns] = ids?.shape ?? [];
  if (typeof rows === 'string' && rows !== '') overrides[rows] = batch;
  if (typeof columns === 'string' && columns !== '') overrides[columns] = length;
  return { overrides, shape: [batch, length] };
}

const fixes = ({ platform, options }: Wanted): boolean => platform === 'webnn' && options.fixed_shapes;

async function sessionFor(wanted: Wanted, batch: number, length: number): Promise<{ held: Held; load: LoadResult }> {
  return session(wanted, fixes(wanted) ? fixedTo((await graphOf(wanted)).graph.inputs, batch, length) : null);
}

/** Makes the session ready: for one short text, where shapes are fixed and none is given. */
export async function load(wanted: Wanted, { model, shape }: LoadData): Promise<LoadResult> {
  const [batch, length] = shape ?? [1, 1];
  // Both come from the same server: the tokenizer is read while the weights arrive.
  const described = model.family === 'text_embedding' ? embeddingModel(model, wanted.signal) : null;
  const limit = fixes(wanted) ? ((await described)?.maxTokens ?? length) : length;
  const [made] = await Promise.all([sessionFor(wanted, bucketBatch(batch), bucketLength(length, limit)), described]);
  return made.load;
}

/** Refuses what cannot be embedded, naming the text by its position. */
function tokenize(model: EmbeddingModel, texts: readonly string[], name: string): Encoded[] {
  if (texts.length === 0) throw new PageFault('empty_input', 'Expected at least one text, found none.');
  return texts.map((text, index) => {
    if (typeof text !== 'string' || text.trim() === '')
      throw new PageFault('empty_input', `Expected text ${index + 1} of ${texts.length} to have words, found only white space.`);
    // tokenizer.json may ask for padding and truncation; both would be silent here.
    const encoded = model.tokenizer(text, { padding: false, truncation: false, return_tensor: false }) as unknown as {
      input_ids: number[];
      token_type_ids?: number[];
    };
    const ids = encoded.input_ids;
    if (ids.length > model.maxTokens)
      throw new PageFault(
        'input_too_long',
        `Expected at most ${model.maxTokens} tokens for ${name}, found ${ids.length} in text ${index + 1} of ${texts.length}.`,
      );
    return { ids, types: encoded.token_type_ids ?? null };
  });
}

/** The inputs of one run, padded to its shape. */
function feeds(held: Held, source: ModelSource, model: EmbeddingModel, texts: readonly Encoded[], run: Run) {
  const { batch, length } = run;
  const mask = new Uint8Array(batch * length);
  const rows = run.rows.map((row) => texts[row] as Encoded);
  const offset = ({ ids }: Encoded): number => (model.padLeft ? length - ids.length : 0);
  rows.forEach((row, i) => mask.fill(1, i * length + offset(row), i * length + offset(row) + row.ids.length));
  // A row without a single token would be a softmax over nothing.
  for (let i = rows.length; i < batch; i++) mask[i * length] = 1;
  const values: Record<string, (index: number) => number> = {};
  const table = (pick: (row: Encoded) => readonly number[] | null, padding: number): ((index: number) => number) => {
    const all = new Int32Array(batch * length).fill(padding);
    rows.forEach((row, i) => all.set(pick(row) ?? [], i * length + offset(row)));
    return (index) => all[index] as number;
  };
  values['input_ids'] = table(({ ids }) => ids, model.padId);
  values['attention_mask'] = (index) => mask[index] as number;
  values['token_type_ids'] = table(({ types }) => types, 0);
  values['position_ids'] = table(({ ids }) => ids.map((_, i) => i), 0);
  const tensors: Record<string, ort.Tensor> = {};
  for (const input of held.session.inputMetadata) {
    const value = values[input.name];
    if (value === undefined)
      throw new PageFault(
        'invalid_model',
        `Expected a graph that takes ${Object.keys(values).join(', ')}, found the input ${input.name}.`,
        { help: 'This graph is not a text encoder: run it on tensors of your own.' },
      );
    const type = input.isTensor ? input.type : (source.graph.index_type ?? 'int64');
    const count = batch * length;
    if (type === 'int64') tensors[input.name] = new ort.Tensor('int64', BigInt64Array.from({ length: count }, (_, i) => BigInt(value(i))), [batch, length]);
    else if (type === 'int32') tensors[input.name] = new ort.Tensor('int32', Int32Array.from({ length: count }, (_, i) => value(i)), [batch, length]);
    else if (type === 'float32') tensors[input.name] = new ort.Tensor('float32', Float32Array.from({ length: count }, (_, i) => value(i)), [batch, length]);
    else throw new PageFault('invalid_model', `Expected ${input.name} to be int32, int64 or float32, found ${type}.`);
  }
  return { tensors, mask };
}

/** The output to pool: a vector a text where the graph has one, else a vector a token. */
function outputOf(held: Held): { name: string; pooled: boolean } {
  const outputs = held.session.outputMetadata;
  const rank = (name: string): number | null => {
    const found = outputs.find((output) => output.name === name);
    return found?.isTensor ? found.shape.length : null;
  };
  const pooled = ['sentence_embedding', 'embedding', 'embeddings'].find((name) => rank(name) === 2);
  if (pooled !== undefined) return { name: pooled, pooled: true };
  const tokens = ['last_hidden_state', 'token_embeddings'].find((name) => rank(name) === 3);
  const any = outputs.find((output) => output.isTensor && output.type === 'float32' && output.shape.length === 3);
  const name = tokens ?? any?.name;
  if (name === undefined)
    throw new PageFault(
      'invalid_model',
      `Expected an output sentence_embedding [batch, hidden] or last_hidden_state [batch, sequence, hidden], found ` +
        `${held.session.outputNames.join(', ')}.`,
    );
  return { name, pooled: false };
}

/** Loads of several runs of one request, as one: what each cost, added up. */
function join(a: LoadResult | null, b: LoadResult): LoadResult {
  if (a === null) return b;
  const sum = (x: number | null, y: number | null): number | null => (x === null ? y : y === null ? x : x + y);
  return {
    session: a.session,
    warm: a.warm && b.warm,
    fetch_ms: sum(a.fetch_ms, b.fetch_ms),
    compile_ms: sum(a.compile_ms, b.compile_ms),
    first_run_ms: sum(a.first_run_ms, b.first_run_ms),
    memory_usage_mb: b.memory_usage_mb,
  };
}

export async function embed(wanted: Wanted, { model: source, texts }: EmbedData): Promise<{ data: EmbedResult; tensors: Tensor[] }> {
  const model = await embeddingModel(source, wanted.signal);
  const start = performance.now();
  const encoded = tokenize(model, texts, source.name);
  const tokenized = performance.now();
  const lengths = encoded.map(({ ids }) => ids.length);
  const runs = plan(lengths, model.maxTokens, fixes(wanted));
  let loaded: LoadResult | null = null;
  let runMs = 0;
  let poolMs = 0;
  let embedding: Float32Array<ArrayBuffer> | null = null;
  let hidden = 0;
  let pooling: string = model.pooling;
  let done = 0;
  for (const one of runs) {
    if (wanted.signal.aborted) throw new PageFault('cancelled', `The request was cancelled after ${done} of ${texts.length} texts.`);
    const { held, load: made } = await sessionFor(wanted, one.batch, one.length);
    const output = outputOf(held);
    const first = !held.ran;
    const began = performance.now();
    const { tensors, mask } = feeds(held, source, model, encoded, one);
    const result = (await runHeld(held, tensors, [output.name]))[output.name] as ort.Tensor;
    const ran = performance.now();
    runMs += ran - began;
    if (result.type !== 'float32')
      throw new PageFault('invalid_model', `Expected ${output.name} to be float32, found ${result.type}.`);
    const data = result.data as Float32Array;
    hidden = result.dims.at(-1) as number;
    embedding ??= new Float32Array(texts.length * hidden);
    const target = embedding;
    if (output.pooled) pooling = output.name;
    one.rows.forEach((row, i) => {
      if (output.pooled) target.set(data.subarray(i * hidden, (i + 1) * hidden), row * hidden);
      else poolRow({ data, length: one.length, hidden }, i, mask.subarray(i * one.length, (i + 1) * one.length), model.pooling, target, row * hidden);
    });
    poolMs += performance.now() - ran;
    loaded = join(loaded, first ? { ...made, first_run_ms: ran - began } : made);
    done += one.rows.length;
    if (runs.length > 1) wanted.progress({ phase: 'run', file: null, loaded: done, total: texts.length });
  }
  const normalizing = performance.now();
  const normalized = wanted.options.normalize ?? model.normalize;
  const vectors = embedding as Float32Array<ArrayBuffer>;
  const tensor: Tensor = {
    name: 'embedding',
    dtype: 'float32',
    shape: [texts.length, hidden],
    bytes: new Uint8Array(vectors.buffer),
  };
  checkOutput(tensor);
  if (normalized) normalizeRows(vectors, hidden);
  poolMs += performance.now() - normalizing;
  const largest = runs[0] as Run;
  const data: EmbedResult = {
    load: loaded as LoadResult,
    tokenize_ms: tokenized - start,
    run_ms: runMs,
    pool_ms: poolMs,
    // What loading took is told apart; this is the work that every request does.
    processing_ms: tokenized - start + runMs + poolMs,
    tokens: lengths,
    padded_shape: [largest.batch, largest.length],
    pooling,
    normalized,
  };
  return { data, tensors: [tensor] };
}
