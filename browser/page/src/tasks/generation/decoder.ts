/** A decoder with its cache, as the loop that generates sees it: the same whatever it runs on. */

import type { ort } from '../../runtime/onnxruntime.js';
import { widen } from '../../runtime/float16.js';
import { madeOf } from '../../runtime/tensors.js';
import type { Block } from './blocks.js';

/** What follows the tokens that a decoder was given, of each row. */
export interface Following {
  /** The most likely token of each row. */
  readonly ids: Int32Array;
  /** The logits of a row, valid until the next run; `null` where nobody wants them. */
  readonly logits: ((row: number) => Float32Array) | null;
}

/** How a decoder is to be run. */
export interface Wish {
  /** Rows of the batch. */
  readonly batch: number;
  /** Tokens that a row may have in the cache. */
  readonly tokens: number;
  /** Whether the most likely token is all that is asked of it. */
  readonly plain: boolean;
  /** What it looks at of an encoder, by the names of its inputs, in memory. */
  readonly constant: Readonly<Record<string, ort.Tensor>>;
  readonly padId: number;
}

export interface Decoder {
  /** Tokens of a row that the cache has room for by now. */
  readonly capacity: number;
  /** Bytes of the cache by now. */
  readonly bytes: number;
  /** Whether the work for a token was recorded and replayed. */
  readonly captured: boolean;
  /** Gives it prompts. `between` is called between runs, and throws where the request was cancelled. */
  prefill(prompts: readonly Int32Array[], between: () => Promise<void>): Promise<Following>;
  /** Gives it one token more of each row. Where it was asked for plain tokens, these are those that it gave. */
  step(ids: Int32Array, lengths: readonly number[]): Promise<Following>;
  /** Gives each row of the cache what its parent had. `parents` are rows, one a row. */
  reorder(parents: readonly number[]): Promise<void>;
  /** Frees the cache. The session stays. */
  release(): Promise<void>;
}

/** What a run has of its tokens, beside the cache. */
export function indices({ lengths }: Pick<Block, 'lengths'>): { seqlens: Int32Array<ArrayBuffer>; total: number } {
  return { seqlens: Int32Array.from(lengths, (length) => length - 1), total: Math.max(...lengths) };
}

/** The positions of all keys: 0, 1, 2, … */
export const positions = (keys: number): ort.Tensor => madeOf('int32', Int32Array.from({ length: keys }, (_, position) => position), [keys]);

/** The numbers of a tensor in memory, as float32. */
export function floats(tensor: ort.Tensor): Float32Array {
  if (tensor.type === 'float32') return tensor.data as Float32Array;
  const { buffer, byteOffset, byteLength } = tensor.data as unknown as ArrayBufferView<ArrayBuffer>;
  return widen(new Uint16Array(buffer, byteOffset, byteLength / 2));
}
