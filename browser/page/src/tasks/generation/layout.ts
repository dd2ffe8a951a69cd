/**
 * What a decoder is given and gives, as its session declares it: see `runtime/onnx/src/graph/generation/mod.rs`; and the
 * room of its cache. Knows no device.
 */

import type { InferenceSession } from 'onnxruntime-web';
import { PageFault } from '../../errors.js';
import type { ort } from '../../runtime/onnxruntime.js';

/** A key or a value of a layer. */
export interface Cached {
  /** The input that has it, and the output that has it with the tokens of the run. */
  readonly past: string;
  readonly present: string;
  readonly type: 'float32' | 'float16';
  readonly heads: number;
  readonly size: number;
}

export interface Layout {
  readonly cached: readonly Cached[];
  /** The room that the cache has in every run; `null` where each run has its own. */
  readonly room: number | null;
  readonly vocabulary: number;
  readonly logits: 'float32' | 'float16';
  /** Inputs that neither are the cache nor change from run to run: what is looked at of an encoder. */
  readonly constant: readonly string[];
  /** Whether it takes the positions of all keys, `[total_sequence]`. */
  readonly keyPositions: boolean;
}

const STEPPED = new Set(['input_ids', 'seqlens_k', 'total_sequence_length', 'key_positions']);

/** Reads it. Throws `invalid_model` where the graph is no decoder with a cache. */
export function layoutOf({ inputMetadata, outputMetadata }: InferenceSession): Layout {
  const wrong = (expected: string): PageFault =>
    new PageFault('invalid_model', `Expected a decoder that has ${expected}, found the inputs ${inputMetadata.map(({ name }) => name).join(', ')}.`);
  const tensors = inputMetadata.filter((input) => input.isTensor);
  const past = tensors.filter(({ name }) => name.startsWith('past.'));
  const cached = past.map(({ name, type, shape }): Cached => {
    const [, heads, , size] = shape;
    if (!isFloat(type) || typeof heads !== 'number' || typeof size !== 'number' || shape.length !== 4)
      throw wrong(`${name} as float [batch, heads, past_sequence, size]`);
    return { past: name, present: name.replace('past.', 'present.'), type, heads, size };
  });
  if (cached.length === 0) throw wrong('a cache: past.0.key and others');
  const logits = outputMetadata.find(({ name }) => name === 'logits');
  const [, vocabulary, ...more] = logits?.isTensor ? logits.shape : [];
  if (!logits?.isTensor || !isFloat(logits.type) || more.length > 0 || typeof vocabulary !== 'number')
    throw wrong('the output logits, [batch, vocabulary]');
  const room = past[0]?.shape[2];
  return {
    cached,
    room: typeof room === 'number' ? room : null,
    vocabulary,
    logits: logits.type,
    constant: tensors.map(({ name }) => name).filter((name) => !STEPPED.has(name) && !name.startsWith('past.')),
    keyPositions: tensors.some(({ name }) => name === 'key_positions'),
  };
}

/**
 * The room of a cache for so many tokens, at most `context`. It is rounded up, to powers of two and from 1024 on to
 * multiples of that: requests that are alike have the same room then, and what was recorded for one is replayed for the
 * next. At most half of the cache, or 1023 tokens, are not needed.
 */
export function roomFor(tokens: number, context: number): number {
  const room = tokens > 1024 ? Math.ceil(tokens / 1024) * 1024 : Math.max(64, 2 ** Math.ceil(Math.log2(tokens)));
  return Math.max(tokens, Math.min(room, context));
}

/** Throws where rows are to have more tokens than the graph itself has room for. */
export function checkRoomOf({ room }: Layout, tokens: number): void {
  if (room !== null && tokens > room)
    throw new PageFault('bad_request', `Expected at most ${room} tokens in a row, as many as the graph's cache has room for, found ${tokens}.`, {
      help: 'Ask for fewer new tokens, or shorten the prompt.',
    });
}

export const isFloat = (type: ort.Tensor.Type): type is 'float32' | 'float16' => type === 'float32' || type === 'float16';

export const bytesOf = (type: 'float32' | 'float16'): number => (type === 'float32' ? 4 : 2);

/** Bytes of a cache with room for so many tokens of each row. */
export function cacheBytes({ cached }: Layout, batch: number, capacity: number): number {
  return cached.reduce((sum, { type, heads, size }) => sum + batch * heads * capacity * size * bytesOf(type), 0);
}
