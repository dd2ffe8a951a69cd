/** What tests ask of a page, and how they look at its answers. */

import assert from 'node:assert/strict';
import type { Tensor } from '../../src/link/frame.js';
import type { EmbedData, EmbedResult, ExecutionOptions, Platform } from '../../src/protocol.js';
import { type Host, RemoteError, type Request } from './host.js';
import { type Graphs, golden } from './models.js';

export const floats = ({ bytes }: Tensor): Float32Array => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
export const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  assert.equal(a.length, b.length);
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - (b[i] as number))));
};
const norm = (vector: Float32Array): number => Math.hypot(...vector);
/** Whether the answer is the reference's vector of the golden text. */
export const isGolden = ([tensor]: readonly Tensor[]): void => {
  const vector = floats(tensor as Tensor);
  assert.ok(distance(vector.map((value) => value / norm(vector)), golden.mean_normalized) < 1e-5);
};

export const int32 = (name: string, values: number[]): Tensor => ({
  name,
  dtype: 'int32',
  shape: [values.length],
  bytes: new Uint8Array(Int32Array.from(values).buffer),
});
export const refused = (code: string, words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RemoteError, String(error));
  assert.equal(error.page.code, code, error.page.message);
  assert.match(error.page.message, words);
  assert.notEqual(error.page.help, '');
  return true;
};

/** Asks a host's page for the vectors of texts that are tokenized already: ids, one list a text. */
export const embedOn =
  (host: () => Host) =>
  (
    graphs: Graphs,
    ids: readonly number[][],
    platform: Platform,
    options: Partial<ExecutionOptions> = {},
    more: Partial<EmbedData> = {},
    tensors: Tensor[] = [],
  ): Request<EmbedResult> => {
    const data: EmbedData = {
      graphs,
      lengths: ids.map((text) => text.length),
      pad_id: 0,
      pad_left: false,
      max_tokens: 128,
      pooling: ['mean'],
      unpooled: 0,
      task_id: null,
      ...more,
    };
    return host().call('embed', data, { platform, options, tensors: [int32('input_ids', ids.flat()), ...tensors] });
  };
