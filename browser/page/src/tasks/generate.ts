/**
 * `generate`: token ids to more of them, a token at a time. Runs the prompts, chooses what follows, and goes on until
 * every answer has ended. Knows no tokenizer, and nothing of where the cache is.
 */

import { PageFault } from '../errors.js';
import type { GenerateData, GenerateResult } from '../protocol.js';
import type { Model } from '../sessions/model.js';
import { breath } from './generation/breath.js';
import { constraintsOf } from './generation/schema/constraint.js';
import type { Decoder } from './generation/decoder.js';
import { type Encoded, encode } from './generation/encoder.js';
import { gather } from './generation/gather.js';
import { loadsOf, needsPositions, open, type Roles, rolesOf } from './generation/models.js';
import { OnGpu } from './generation/on-gpu.js';
import { checkRoom, promptsOf } from './generation/prompts.js';
import { Published } from './generation/published.js';
import { Rows } from './generation/rows.js';
import { isPlain } from './generation/sampling.js';
import { Searches } from './generation/searches.js';
import { GRAPHS, type Task } from './task.js';

/** Why the work for a token was not recorded and replayed, where it was asked for. */
function notCaptured(decoder: Decoder, model: Model, steps: number, { capture }: GenerateData): string | null {
  if (decoder.captured || !capture) return null;
  if (decoder instanceof Published) return decoder.notRecorded;
  if (!(decoder instanceof OnGpu)) return 'only WebGPU records runs';
  if (needsPositions(model)) return 'the decoder takes the positions of all keys, whose number grows';
  const few = steps < 2 ? `${steps} runs for one token are too few` : 'onnxruntime did not say that it replayed a run';
  return decoder.notRecorded ?? few;
}

/** What is looked at of an encoder, for each answer that is kept of a prompt. */
function repeated(constant: Encoded['constant'], count: number): Encoded['constant'] {
  if (count === 1) return constant;
  const rows = ({ dims }: { dims: readonly number[] }): number[] => Array.from({ length: (dims[0] ?? 0) * count }, (_, row) => Math.floor(row / count));
  return Object.fromEntries(Object.entries(constant).map(([name, tensor]) => [name, gather(tensor, rows(tensor))]));
}

export const generate: Task<GenerateData, GenerateResult, Roles> = {
  fields: {
    graphs: GRAPHS,
    lengths: true,
    pad_id: true,
    decoder_ids: true,
    context: true,
    max_new_tokens: true,
    stop_ids: true,
    sampling: {
      temperature: true,
      top_k: true,
      top_p: true,
      min_p: true,
      repetition_penalty: true,
      frequency_penalty: true,
      presence_penalty: true,
      no_repeat_ngram: true,
      suppressed: true,
      forced_end: true,
      min_new_tokens: true,
      seed: true,
    },
    beams: { count: true, length_penalty: true, early_stopping: true },
    schema: true,
    logprobs: true,
    capture: true,
  },

  graphs: ({ graphs }) => rolesOf(graphs),

  async *run(models, { data, tensors }, { signal, enough }) {
    const { encoder, cross, model = models.decoder }: Readonly<Partial<typeof models>> = models;
    const prompts = promptsOf(data, tensors);
    const given = encoder ? prompts.map(() => Int32Array.from(data.decoder_ids)) : prompts;
    checkRoom(data, given);
    const constraints = await constraintsOf(data, tensors, given.length);
    const answers = data.beams === null ? new Rows(data, given, constraints) : new Searches(data, data.beams, given);
    /** Hears what the host says; a run cannot be interrupted, so this is asked between runs. */
    const between = async (): Promise<void> => {
      await breath();
      if (signal.aborted) throw new PageFault('cancelled', `The request was cancelled after ${answers.tokens} tokens.`);
    };
    const encoded = encoder ? await encode(encoder, cross, prompts, data.pad_id) : null;
    const batch = answers.given.length;
    const longest = Math.max(...given.map(({ length }) => length));
    const decoder = await open(
      model,
      {
        batch,
        tokens: Math.min(longest + data.max_new_tokens, data.context),
        plain: isPlain(data),
        constant: repeated(encoded?.constant ?? {}, batch / given.length),
        padId: data.pad_id,
      },
      data,
    );
    try {
      await between();
      let began = performance.now();
      let following = await decoder.prefill(answers.given, between);
      let part = answers.take(following, 1);
      const prefillMs = performance.now() - began;
      let decodeMs = 0;
      let steps = 0;
      for (;;) {
        // A search has no tokens before its end. Its first part says that it can be stopped from now on.
        if (steps === 0 || part.tokens.length > 0) yield part;
        await between();
        if (answers.ended || enough.aborted) break;
        began = performance.now();
        const { ids, lengths, parents } = answers.next(encoded !== null);
        if (parents !== null) await decoder.reorder(parents);
        following = await decoder.step(ids, lengths);
        steps += 1;
        part = answers.take(following, steps + 1);
        // Without the time in which nobody took a part.
        decodeMs += performance.now() - began;
      }
      for (const rest of answers.rest()) {
        yield rest;
        await between();
      }
      const result: GenerateResult = {
        loads: loadsOf(models),
        rows: answers.result(),
        encode_ms: encoded?.ms ?? null,
        prefill_ms: prefillMs,
        decode_ms: decodeMs,
        steps,
        capacity: decoder.capacity,
        cache_bytes: decoder.bytes,
        captured: decoder.captured,
        not_captured: notCaptured(decoder, model, steps, data),
      };
      return { data: result, tensors: [] };
    } finally {
      await decoder.release();
    }
  },
};
