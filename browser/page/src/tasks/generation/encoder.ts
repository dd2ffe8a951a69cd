/**
 * The encoder's part of an encoder–decoder: what every step of the decoder looks at, computed once. Its numbers come to
 * memory between the graphs: they are few, and the graphs may have to release each other's sessions.
 */

import { PageFault } from '../../errors.js';
import type { ort } from '../../runtime/onnxruntime.js';
import { int64, madeOf } from '../../runtime/tensors.js';
import type { Model } from '../../sessions/model.js';
import { padded } from './blocks.js';

/** On WebGPU inputs are padded to multiples of this: what is recorded for one length is replayed for its neighbours. */
const WIDTH = 32;

export interface Encoded {
  /** By the names of the decoder's inputs. */
  readonly constant: Readonly<Record<string, ort.Tensor>>;
  readonly ms: number;
}

/** `cross` is the graph between the encoder and the decoder. Published models, whose integers have 64 bits, have none. */
export async function encode(encoder: Model, cross: Model | undefined, prompts: readonly Int32Array[], padId: number): Promise<Encoded> {
  if (encoder.fixesShapes)
    throw new PageFault('platform_unavailable', 'WebNN has every shape fixed, and the decoder of this model looks at texts of any length.', {
      help: 'Use WebGPU or wasm for this model.',
    });
  const longest = Math.max(...prompts.map(({ length }) => length));
  const width = encoder.wanted.platform === 'webgpu' ? Math.ceil(longest / WIDTH) * WIDTH : longest;
  const { ids } = padded(prompts, width, padId);
  const dims = [prompts.length, width];
  const integers = (values: Int32Array): ort.Tensor => (cross ? madeOf('int32', values, dims) : int64(values, dims));
  const mask = integers(Int32Array.from(ids, (_, i) => Number(i % width < (prompts[Math.floor(i / width)]?.length ?? 0))));
  const states = await once(encoder, { input_ids: integers(ids), attention_mask: mask });
  const { last_hidden_state } = states.outputs;
  if (last_hidden_state === undefined)
    throw new PageFault('invalid_model', `Expected an encoder with the output last_hidden_state, found ${Object.keys(states.outputs).join(', ')}.`);
  if (!cross) return { constant: { encoder_attention_mask: mask, encoder_hidden_states: last_hidden_state }, ms: states.ms };
  const crossed = await once(cross, { encoder_hidden_states: last_hidden_state });
  return { constant: { encoder_attention_mask: mask, ...crossed.outputs }, ms: states.ms + crossed.ms };
}

/** One run of a model, with all of its outputs in memory. */
async function once(model: Model, feeds: Record<string, ort.Tensor>): Promise<{ outputs: Record<string, ort.Tensor>; ms: number }> {
  const held = await model.session(null);
  const { outputs, ms } = await model.step(held, feeds, Object.fromEntries(held.session.outputNames.map((name) => [name, null])));
  return { outputs: outputs as Record<string, ort.Tensor>, ms };
}
