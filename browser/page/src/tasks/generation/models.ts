/** The models of a request that decodes, by their roles, and the decoder among them where it runs. */

import type { GenerateData, LoadResult, Role } from '../../protocol.js';
import { factsOf } from '../../sessions/graphs.js';
import type { Model } from '../../sessions/model.js';
import type { Decoder, Wish } from './decoder.js';
import { InMemory } from './in-memory.js';
import { OnGpu } from './on-gpu.js';
import { Published } from './published.js';
import { isPublished } from './published-layout.js';

export type Roles = 'model' | 'encoder' | 'cross' | 'decoder';

/**
 * The graphs of a decoder, or those of an encoder–decoder. A published decoder computes by itself what it keeps of the
 * encoder: it needs no `cross`.
 */
export function rolesOf(graphs: GenerateData['graphs'] | undefined): Readonly<Partial<Record<Roles, GenerateData['graphs'][Roles]>>> {
  if (!graphs?.encoder && !graphs?.decoder) return { model: graphs?.model };
  const { encoder, cross, decoder } = graphs;
  return decoder && isPublished(factsOf(decoder).inputs) ? { encoder, decoder } : { encoder, cross, decoder };
}

/** Opens the decoder of a model where it runs. */
export function open(model: Model, wish: Wish, { context, capture }: Pick<GenerateData, 'context' | 'capture'>): Promise<Decoder> {
  if (isPublished(model.inputs)) return Published.open(model, wish);
  if (model.wanted.platform !== 'webgpu') return InMemory.open(model, wish);
  return OnGpu.open(model, wish, context, capture && !needsPositions(model));
}

/** Whether a decoder takes the positions of all keys: their number grows with every token, and a recording's inputs do not. */
export const needsPositions = (model: Model): boolean => model.inputs.some(({ name }) => name === 'key_positions');

/** How the session of each came to be. */
export function loadsOf(models: Readonly<Record<string, Model>>): Partial<Record<Role, LoadResult>> {
  const loads: Partial<Record<Role, LoadResult>> = {};
  for (const [role, model] of Object.entries(models)) loads[role as Role] = model.load;
  return loads;
}
