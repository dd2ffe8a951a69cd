/**
 * The input tensors of a text encoder: token ids and what follows from them, in the
 * shapes and element types that the graph declares. Knows the names that exporters
 * use (Optimum, sentence-transformers, transformers.js), not sessions.
 */

import type { InferenceSession } from 'onnxruntime-web';
import { PageFault } from '../../errors.js';
import type { Tensor } from '../../link/frame.js';
import type { DType, Dimension } from '../../protocol.js';
import type { Fixed } from '../../sessions/sessions.js';
import type { Text } from './texts.js';

/** An input, as a graph or its session declares it. */
interface Declared {
  readonly name: string;
  readonly shape: readonly Dimension[];
}

/** Inputs `[batch, length]`. */
const TOKEN_INPUTS: ReadonlySet<string> = new Set(['input_ids', 'attention_mask', 'token_type_ids', 'position_ids']);
/** The task, for graphs that were trained for several: one for all texts, or one for each. */
const TASK = 'task_id';
/** Decides whether a merged decoder runs its branch with a cache. */
const BRANCH = 'use_cache_branch';

const WHOLE: readonly string[] = ['int64', 'int32', 'float32'];

/** Element types that an input may have. */
function typesOf(name: string): readonly string[] {
  if (name === 'attention_mask') return [...WHOLE, 'bool'];
  if (TOKEN_INPUTS.has(name)) return WHOLE;
  if (name === TASK) return ['int64', 'int32'];
  if (name === BRANCH) return ['bool'];
  return ['float32', 'float16'];
}

/** Keys and values of earlier tokens, such as `past_key_values.0.key`. A text has no earlier tokens. */
const isCache = (name: string): boolean => name.startsWith('past');

const isKnown = (name: string): boolean => TOKEN_INPUTS.has(name) || name === TASK || name === BRANCH || isCache(name);

/** The dimensions of a known input in a run of this shape. */
function dimensions({ name, shape }: Declared, inputs: readonly Declared[], batch: number, length: number): number[] {
  if (TOKEN_INPUTS.has(name)) return [batch, length];
  if (name === TASK) return shape.map((size) => (typeof size === 'number' ? size : batch));
  if (name === BRANCH) return shape.map((size) => (typeof size === 'number' ? size : 1));
  // One open dimension of a cache is the batch: the one with the batch's name, or else
  // the first. The others are the number of tokens in the cache, which is 0.
  const rows = inputs.find((input) => input.name === 'input_ids')?.shape[0];
  const named = rows === '' ? -1 : shape.findIndex((size) => size === rows);
  const axis = named >= 0 ? named : typeof rows === 'number' ? -1 : shape.findIndex((size) => typeof size === 'string');
  return shape.map((size, i) => (typeof size === 'number' ? size : i === axis ? batch : 0));
}

/** The sizes of a graph's open dimensions in runs of one shape. Where no input takes tokens, the first input decides. */
export function fixedTo(inputs: readonly Declared[], batch: number, length: number): Fixed {
  const overrides: Record<string, number> = {};
  const fix = ({ shape }: Declared, sizes: readonly number[]): void =>
    shape.forEach((dimension, axis) => {
      const size = sizes[axis];
      if (typeof dimension === 'string' && dimension !== '' && size !== undefined) overrides[dimension] ??= size;
    });
  const known = inputs.filter(({ name }) => isKnown(name));
  // Token ids come first: their name for the batch is the batch everywhere.
  known.sort((a, b) => Number(b.name === 'input_ids') - Number(a.name === 'input_ids'));
  for (const input of known) fix(input, dimensions(input, inputs, batch, length));
  if (known.length === 0 && inputs[0] !== undefined) fix(inputs[0], [batch, length]);
  return { overrides, shape: [batch, length] };
}

/** Texts that are padded to one shape. */
export interface Padded {
  readonly texts: readonly Text[];
  readonly batch: number;
  readonly length: number;
  readonly padId: number;
  readonly padLeft: boolean;
  readonly taskId: number | null;
}

/** The position of a text's first token in its row. */
export function firstOf({ ids }: Text, { length, padLeft }: Pick<Padded, 'length' | 'padLeft'>): number {
  return padLeft ? length - ids.length : 0;
}

/** A tensor for each input of the graph. Throws `invalid_model` where the graph has an input that texts cannot fill. */
export function feedsFor(inputs: readonly InferenceSession.ValueMetadata[], padded: Padded): Tensor[] {
  const tensors = inputs.filter((input) => input.isTensor);
  return inputs.map((input) => {
    const { name } = input;
    if (!isKnown(name))
      throw new PageFault(
        'invalid_model',
        `Expected a graph that takes ${[...TOKEN_INPUTS, TASK, BRANCH].join(', ')} or past_key_values.*, found the input ${name}.`,
        { help: 'Use an export of the text encoder alone, or run this graph on your own tensors.' },
      );
    const type = input.isTensor ? input.type : 'no tensor';
    const types = typesOf(name);
    if (!input.isTensor || !types.includes(type))
      throw new PageFault('invalid_model', `Expected the input ${name} to be one of ${types.join(', ')}, found ${type}.`);
    const shape = dimensions(input, tensors, padded.batch, padded.length);
    const count = shape.reduce((product, size) => product * size, 1);
    return { name, dtype: type as DType, shape, bytes: encode(type as DType, valuesOf(name, count, padded)) };
  });
}

function valuesOf(name: string, count: number, padded: Padded): Int32Array {
  const { texts, batch, length, padId, padLeft, taskId } = padded;
  const values = new Int32Array(count);
  if (name === TASK) {
    if (taskId === null)
      throw new PageFault('invalid_model', `Expected a task for the graph's input ${TASK}, found none.`, {
        help: "Name the task, one of those in the model's config.json.",
      });
    return values.fill(taskId);
  }
  if (!TOKEN_INPUTS.has(name)) return values;
  if (name === 'input_ids') values.fill(padId);
  texts.forEach((text, row) => {
    const start = row * length + firstOf(text, padded);
    const end = start + text.ids.length;
    if (name === 'input_ids') values.set(text.ids, start);
    else if (name === 'attention_mask') values.fill(1, start, end);
    else if (name === 'token_type_ids') values.set(text.types ?? [], start);
    else for (let at = start; at < end; at++) values[at] = at - start;
  });
  // A row that only fills the batch has one token: a softmax over no token is not defined.
  if (name === 'attention_mask')
    for (let row = texts.length; row < batch; row++) values[row * length + (padLeft ? length - 1 : 0)] = 1;
  return values;
}

function encode(dtype: DType, values: Int32Array): Uint8Array<ArrayBuffer> {
  switch (dtype) {
    case 'int64':
      return new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    case 'float32':
      return new Uint8Array(Float32Array.from(values).buffer);
    case 'bool':
      return Uint8Array.from(values);
    case 'float16':
      // Only a cache has this type, and all its values are zero.
      return new Uint8Array(2 * values.length);
    default:
      return new Uint8Array(Int32Array.from(values).buffer);
  }
}
