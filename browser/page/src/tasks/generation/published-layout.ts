/**
 * What a decoder that others publish is given and gives, in the layout of optimum and onnx-community: `past_key_values.*`
 * and `present.*`. Knows no device.
 */

import type { InferenceSession } from 'onnxruntime-web';
import { PageFault } from '../../errors.js';
import type { GraphInput } from '../../protocol.js';
import { type Cached, isFloat } from './layout.js';

const PAST = 'past_key_values.';
const presentOf = (past: string): string => past.replace(PAST, 'present.');

/** What it may be given beside its cache. */
const STEPPED: ReadonlyMap<string, { readonly type: string; readonly rank: number }> = new Map([
  ['input_ids', { type: 'int64', rank: 2 }],
  ['attention_mask', { type: 'int64', rank: 2 }],
  ['position_ids', { type: 'int64', rank: 2 }],
  ['num_logits_to_keep', { type: 'int64', rank: 0 }],
  ['use_cache_branch', { type: 'bool', rank: 1 }],
  ['encoder_attention_mask', { type: 'int64', rank: 2 }],
  ['encoder_hidden_states', { type: 'float32', rank: 3 }],
]);

export interface PublishedLayout {
  /** What grows by the tokens of each run. */
  readonly cached: readonly Cached[];
  /** What it keeps of the encoder's states: whole after its first run. */
  readonly crossed: readonly Cached[];
  /** The names of its other inputs. */
  readonly takes: ReadonlySet<string>;
}

/** Whether a graph with these inputs is such a decoder. */
export const isPublished = (inputs: readonly Pick<GraphInput, 'name'>[]): boolean => inputs.some(({ name }) => name.startsWith(PAST));

/** The outputs that have the cache, of a graph with these inputs. */
export const presentsOf = (inputs: readonly Pick<GraphInput, 'name'>[]): string[] =>
  inputs.filter(({ name }) => name.startsWith(PAST)).map(({ name }) => presentOf(name));

const described = ({ name, type, shape }: InferenceSession.TensorValueMetadata): string => `${name} as ${type} [${shape.join(', ')}]`;

/** Reads it. Throws `invalid_model` where the graph wants something else. */
export function publishedLayoutOf({ inputMetadata, outputMetadata }: InferenceSession): PublishedLayout {
  const wrong = (expected: string, found: string): PageFault =>
    new PageFault('invalid_model', `Expected a decoder that has ${expected}, found ${found}.`, {
      help: 'Use an export by optimum or of onnx-community, or the checkpoint itself, of which Pelago builds a decoder.',
    });
  const inputs = inputMetadata.map((input) => {
    if (!input.isTensor) throw wrong('only tensors as its inputs', input.name);
    return { ...input, described: described(input) };
  });
  const all: Cached[] = [];
  for (const { name, type, shape, described } of inputs) {
    if (name.startsWith(PAST)) {
      const [, heads, , size] = shape;
      if (!isFloat(type) || typeof heads !== 'number' || typeof size !== 'number' || shape.length !== 4)
        throw wrong('its cache as float [batch, heads, past, size]', described);
      all.push({ past: name, present: presentOf(name), type, heads, size });
      continue;
    }
    const known = STEPPED.get(name);
    if (known === undefined) throw wrong(`no inputs but its cache and ${[...STEPPED.keys()].join(', ')}`, described);
    if (type !== known.type || shape.length !== known.rank) throw wrong(`${name} as ${known.type} with ${known.rank} dimensions`, described);
  }
  const outputs = outputMetadata.map(({ name }) => name);
  const lost = ['logits', ...all.map(({ present }) => present)].filter((name) => !outputs.includes(name));
  if (lost.length > 0) throw wrong(`the outputs ${lost.join(', ')}`, outputs.join(', '));
  const logits = outputMetadata.find(({ name }) => name === 'logits');
  if (!logits?.isTensor || !isFloat(logits.type) || logits.shape.length !== 3)
    throw wrong('logits as float [batch, sequence, vocabulary]', logits?.isTensor ? described(logits) : 'no tensor');
  const takes = new Set(inputs.map(({ name }) => name).filter((name) => STEPPED.has(name)));
  const crossed = all.filter(({ past }) => past.includes('.encoder.'));
  if (crossed.length > 0 && !takes.has('use_cache_branch'))
    throw wrong('use_cache_branch, as decoder_model_merged.onnx has', [...takes].join(', '));
  return { cached: all.filter((one) => !crossed.includes(one)), crossed, takes };
}
