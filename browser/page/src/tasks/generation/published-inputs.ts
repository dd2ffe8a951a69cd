/**
 * What a published decoder is given of its tokens, as transformers lays them out: prompts end in the same column, and
 * shorter ones are padded at the left. Knows no session.
 */

import type { Block } from './blocks.js';

/** All prompts as one block. */
export function endingTogether(prompts: readonly Int32Array[], padId: number): Block {
  const lengths = prompts.map(({ length }) => length);
  const width = Math.max(...lengths);
  const ids = new Int32Array(prompts.length * width).fill(padId);
  prompts.forEach((prompt, row) => ids.set(prompt, (row + 1) * width - prompt.length));
  return { ids, width, lengths };
}

/** `[rows, width]`: the positions of a block's tokens. Padding is not counted, and has the position 0. */
export function positionsOf({ width, lengths }: Pick<Block, 'width' | 'lengths'>): number[] {
  return lengths.flatMap((length) => Array.from({ length: width }, (_, column) => Math.max(0, length - width + column)));
}

/** `[rows, columns]`: 0 where a row is padded, 1 elsewhere. `padding` has how many columns that are, one a row. */
export function maskOf(padding: readonly number[], columns: number): number[] {
  return padding.flatMap((pads) => Array.from({ length: columns }, (_, column) => Number(column >= pads)));
}
