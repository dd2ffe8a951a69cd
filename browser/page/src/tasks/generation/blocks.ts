/** Tokens laid out for runs of a decoder. Knows no model. */

/** What the decoder is given of every row in one run: padded at the right. */
export interface Block {
  /** `[rows, width]`. */
  readonly ids: Int32Array;
  readonly width: number;
  /** Tokens of each row so far, with those of this block. */
  readonly lengths: readonly number[];
}

/** All prompts as one block of this width, at least that of the longest. */
export function padded(prompts: readonly Int32Array[], width: number, padId: number): Block {
  const ids = new Int32Array(prompts.length * width).fill(padId);
  prompts.forEach((prompt, row) => ids.set(prompt, row * width));
  return { ids, width, lengths: prompts.map(({ length }) => length) };
}

/**
 * Tokens of a prompt that one run takes. A run cannot be interrupted, so a longer prompt comes in several, and a
 * cancellation is seen between them.
 */
const CHUNK = 512;

/**
 * The blocks of the prompts. That of several prompts is one: onnxruntime's `GroupQueryAttention` takes the tokens of
 * several rows after others only one at a time.
 */
export function blocks(prompts: readonly Int32Array[], padId: number): Block[] {
  const longest = Math.max(...prompts.map(({ length }) => length));
  const [prompt] = prompts;
  if (prompts.length > 1 || prompt === undefined) return [padded(prompts, longest, padId)];
  const found: Block[] = [];
  for (let start = 0; start < prompt.length; start += CHUNK) {
    const ids = prompt.subarray(start, start + CHUNK);
    found.push({ ids, width: ids.length, lengths: [start + ids.length] });
  }
  return found;
}
