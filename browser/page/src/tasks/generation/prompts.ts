/** The prompts of a request, and whether its numbers make sense. Knows no model. */

import { PageFault } from '../../errors.js';
import type { Tensor } from '../../link/frame.js';
import type { EarlyStopping, GenerateData } from '../../protocol.js';
import { elements } from '../../runtime/tensors.js';

/** Tensors that come beside the prompts where an answer keeps to a schema. */
const OF_SCHEMA = ['token_bytes', 'token_ends'];

/** The ids of each prompt. */
export function promptsOf({ lengths, schema }: GenerateData, tensors: readonly Tensor[]): Int32Array[] {
  const [tensor, ...others] = tensors;
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const beside = schema === null ? [] : OF_SCHEMA;
  const found = others.map(({ name }) => name);
  if (tensor?.name !== 'input_ids' || tensor.dtype !== 'int32' || tensor.shape.join() !== String(total) || found.join() !== beside.join())
    throw new PageFault(
      'bad_request',
      `Expected input_ids as int32 [${total}] and ${beside.join(' and ') || 'nothing else'}, found ` +
        `${tensors.map(({ name, dtype, shape }) => `${name} as ${dtype} [${shape.join(', ')}]`).join(', ') || 'no tensor'}.`,
    );
  if (lengths.length === 0) throw new PageFault('bad_request', 'Expected at least one prompt, found none.');
  const ids = elements(tensor) as Int32Array;
  let start = 0;
  return lengths.map((length, row) => {
    if (length === 0)
      throw new PageFault('empty_input', `Expected at least one token in prompt ${row + 1} of ${lengths.length}, found none.`);
    start += length;
    return ids.subarray(start - length, start);
  });
}

const ENDS: readonly EarlyStopping[] = ['first', 'likely', 'never'];

/** Throws where the numbers of a request make no sense, or what the decoder is given leaves no room for an answer. */
export function checkRoom({ context, max_new_tokens, sampling, logprobs, beams, schema }: GenerateData, given: readonly Int32Array[]): void {
  const whole = (name: string, value: number | null, least: number): void => {
    if (value !== null && !(Number.isSafeInteger(value) && value >= least))
      throw new PageFault('bad_request', `Expected ${name} to be an integer from ${least} on, found ${value}.`);
  };
  whole('max_new_tokens', max_new_tokens, 1);
  whole('top_k', sampling.top_k, 1);
  whole('logprobs', logprobs, 0);
  whole('min_new_tokens', sampling.min_new_tokens, 0);
  if (!(sampling.temperature >= 0))
    throw new PageFault('bad_request', `Expected a temperature from 0 on, found ${sampling.temperature}.`);
  if (!(sampling.repetition_penalty > 0))
    throw new PageFault('bad_request', `Expected a repetition penalty above 0, found ${sampling.repetition_penalty}.`);
  if (beams !== null) {
    whole('the number of beams', beams.count, 2);
    if (!Number.isFinite(beams.length_penalty))
      throw new PageFault('bad_request', `Expected a finite length penalty, found ${beams.length_penalty}.`);
    if (!ENDS.includes(beams.early_stopping))
      throw new PageFault('bad_request', `Expected early stopping to be one of ${ENDS.join(', ')}, found ${beams.early_stopping}.`);
    const other = sampling.temperature > 0 ? 'a temperature above 0' : logprobs !== null ? 'logprobs' : schema !== null ? 'a schema' : null;
    if (other !== null)
      throw new PageFault('bad_request', `Expected beams alone, found ${other} with them.`, { help: 'Ask for beams or for that, not for both.' });
  }
  given.forEach(({ length }, row) => {
    if (length === 0) throw new PageFault('empty_input', 'Expected at least one token for the decoder to begin with, found none.');
    if (length > context - 1)
      throw new PageFault(
        'input_too_long',
        `Expected at most ${context - 1} tokens in prompt ${row + 1} of ${given.length}, so that one more fits into the ` +
          `model's ${context}, found ${length}.`,
      );
  });
}
