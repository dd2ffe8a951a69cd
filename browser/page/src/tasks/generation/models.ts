/** The models of a request that decodes, by their roles, and the decoder among them where it runs. */

import type { GenerateData, LoadResult, Role } from '../../protocol.js';
import type { Model } from '../../sessions/model.js';
import type { Decoder, Wish } from './decoder.js';
import { InMemory } from './in-memory.js';
import { OnGpu } from './on-gpu.js';

export type Roles = 'model' | 'encoder' | 'cross' | 'decoder';

/** The graphs of a decoder, or those of an encoder–decoder. */
export const rolesOf = (graphs: GenerateData['graphs'] | undefined): Readonly<Partial<Record<Roles, GenerateData['graphs'][Roles]>>> =>
  graphs?.encoder || graphs?.decoder
    ? { encoder: graphs.encoder, cross: graphs.cross, decoder: graphs.decoder }
    : { model: graphs?.model };

/** Opens the decoder of a model where it runs. */
export function open(model: Model, wish: Wish, { context, capture }: Pick<GenerateData, 'context' | 'capture'>): Promise<Decoder> {
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
