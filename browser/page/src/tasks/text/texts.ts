/** The texts of a request as the host tokenized them: reads and checks them. Knows no tokenizer and no graph. */

import { PageFault } from '../../errors.js';
import type { Tensor } from '../../link/frame.js';
import type { EmbedData, Pooling } from '../../protocol.js';

/** The tokens of one text. */
export interface Text {
  readonly ids: Int32Array;
  /** `null` where the tokenizer gives none: all are 0 then. */
  readonly types: Int32Array | null;
}

const POOLINGS: ReadonlySet<string> = new Set<Pooling>([
  'cls', 'max', 'mean', 'mean_sqrt_len_tokens', 'weightedmean', 'lasttoken',
]); // prettier-ignore

/** Reads the texts. Throws `bad_request` where data and tensors do not fit each other. */
export function textsOf(data: EmbedData, tensors: readonly Tensor[]): Text[] {
  const { lengths, pooling, unpooled, pad_id } = data;
  const bad = (message: string): PageFault => new PageFault('bad_request', message);
  if (!Array.isArray(lengths) || lengths.length === 0) throw bad('Expected at least one text, found none.');
  const wrong = lengths.findIndex((length) => !Number.isSafeInteger(length) || length <= 0);
  if (wrong >= 0) throw bad(`Expected ${nth(wrong, lengths)} to have at least one token, found ${JSON.stringify(lengths[wrong])}.`);
  if (!Number.isSafeInteger(pad_id)) throw bad(`Expected pad_id to be an integer, found ${JSON.stringify(pad_id)}.`);
  if (!Number.isSafeInteger(unpooled) || unpooled < 0)
    throw bad(`Expected unpooled to be a number of tokens, found ${JSON.stringify(unpooled)}.`);
  if (!Array.isArray(pooling) || pooling.length === 0 || !pooling.every((one) => POOLINGS.has(one)))
    throw bad(`Expected pooling to list some of ${[...POOLINGS].join(', ')}, found ${JSON.stringify(pooling)}.`);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const values = (name: string): Int32Array | null => {
    const tensor = tensors.find((candidate) => candidate.name === name);
    if (tensor === undefined) return null;
    const { dtype, shape, bytes } = tensor;
    if (dtype !== 'int32' || shape.length !== 1 || shape[0] !== total)
      throw bad(`Expected ${name} to be int32 [${total}], as lengths adds up to, found ${dtype} [${shape.join(', ')}].`);
    return new Int32Array(bytes.buffer, bytes.byteOffset, total);
  };
  const ids = values('input_ids');
  const types = values('token_type_ids');
  if (ids === null) throw bad('Expected the tensor input_ids, found none.');
  let start = 0;
  return lengths.map((length) => {
    const from = start;
    start += length;
    return { ids: ids.subarray(from, start), types: types?.subarray(from, start) ?? null };
  });
}

/** Throws where a text has more tokens than the model takes, or only tokens that pooling leaves out. */
export function checkLengths({ lengths, unpooled }: EmbedData, limit: number): void {
  lengths.forEach((length, index) => {
    if (length > limit)
      throw new PageFault('input_too_long', `Expected at most ${limit} tokens, found ${length} in ${nth(index, lengths)}.`);
    if (length <= unpooled)
      throw new PageFault(
        'empty_input',
        `Expected ${nth(index, lengths)} to have tokens after the ${unpooled} of its prompt, which pooling leaves out; found ${length} in all.`,
      );
  });
}

const nth = (index: number, of: readonly unknown[]): string => `text ${index + 1} of ${of.length}`;
