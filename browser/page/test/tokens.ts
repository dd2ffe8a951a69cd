/** A vocabulary as a host sends it with a schema. */

import type { Tensor } from '../src/link/frame.js';

/** The tensors of tokens with these bytes. */
export function vocabularyOf(tokens: readonly Uint8Array[]): Tensor[] {
  let end = 0;
  const ends = Int32Array.from(tokens, ({ length }) => (end += length));
  const bytes = new Uint8Array(end);
  tokens.forEach((token, id) => bytes.set(token, (ends[id] as number) - token.length));
  return [
    { name: 'token_bytes', dtype: 'uint8', shape: [end], bytes },
    { name: 'token_ends', dtype: 'int32', shape: [tokens.length], bytes: new Uint8Array(ends.buffer) },
  ];
}
