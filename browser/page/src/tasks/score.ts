/**
 * `score`: what a model says of the tokens of a text, given those before. Gives the decoder one token after the other, as
 * `generate` does, and gives back the logits of each. Knows no tokenizer, and nothing of what they are compared with.
 */

import { PageFault } from '../errors.js';
import type { Tensor } from '../link/frame.js';
import type { ScoreData, ScoreResult } from '../protocol.js';
import { elements } from '../runtime/tensors.js';
import { breath } from './generation/breath.js';
import type { Following } from './generation/decoder.js';
import { encode } from './generation/encoder.js';
import { loadsOf, open, type Roles, rolesOf } from './generation/models.js';
import { GRAPHS, type Task } from './task.js';

export const score: Task<ScoreData, ScoreResult, Roles> = {
  fields: { graphs: GRAPHS, pad_id: true, context: true },

  graphs: ({ graphs }) => rolesOf(graphs),

  async *run(models, { data, tensors }, { signal }) {
    const { encoder, cross, model = models.decoder }: Readonly<Partial<typeof models>> = models;
    const scored = idsOf(tensors, 'scored_ids');
    if (scored.length > data.context)
      throw new PageFault('input_too_long', `Expected at most ${data.context} tokens, found ${scored.length}.`);
    const encoded = encoder ? await encode(encoder, cross, [idsOf(tensors, 'input_ids')], data.pad_id) : null;
    const wish = { batch: 1, tokens: scored.length, plain: false, constant: encoded?.constant ?? {}, padId: data.pad_id };
    const decoder = await open(model, wish, { context: data.context, capture: false });
    try {
      let logits: Float32Array<ArrayBuffer> | null = null;
      for (let place = 0; place < scored.length; place++) {
        await breath();
        if (signal.aborted) throw new PageFault('cancelled', `The request was cancelled after ${place} tokens.`);
        const one = scored.subarray(place, place + 1);
        const following = place === 0 ? await decoder.prefill([one], async () => {}) : await decoder.step(one, [place + 1]);
        const row = rowOf(following);
        logits ??= new Float32Array(scored.length * row.length);
        logits.set(row, place * row.length);
      }
      const values = logits as Float32Array<ArrayBuffer>;
      const shape = [scored.length, values.length / scored.length];
      const result: Tensor = { name: 'logits', dtype: 'float32', shape, bytes: new Uint8Array(values.buffer) };
      return { data: { loads: loadsOf(models) }, tensors: [result] };
    } finally {
      await decoder.release();
    }
  },
};

function rowOf({ logits }: Following): Float32Array {
  if (logits === null) throw new TypeError('a decoder that was asked for logits gave none');
  return logits(0);
}

/** The ids of a tensor of the request; at least one. */
function idsOf(tensors: readonly Tensor[], name: string): Int32Array {
  const tensor = tensors.find((candidate) => candidate.name === name);
  if (tensor?.dtype !== 'int32' || tensor.shape.length !== 1 || tensor.shape[0] === 0)
    throw new PageFault(
      'bad_request',
      `Expected ${name} as int32 [tokens], at least one, found ${tensors.map(({ name, dtype, shape }) => `${name} as ${dtype} [${shape.join(', ')}]`).join(', ') || 'no tensor'}.`,
    );
  return elements(tensor) as Int32Array;
}
