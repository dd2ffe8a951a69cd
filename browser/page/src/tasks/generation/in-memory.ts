/**
 * A decoder whose cache is in the page's memory between runs. On wasm, which copies every input into its heap and every
 * output out of it, the cache grows with the tokens: so no more is copied than there is. On WebNN its room is part of the
 * graph.
 */

import { PageFault } from '../../errors.js';
import type { ort } from '../../runtime/onnxruntime.js';
import { madeOf } from '../../runtime/tensors.js';
import type { Model } from '../../sessions/model.js';
import type { Held } from '../../sessions/sessions.js';
import { type Block, blocks, padded } from './blocks.js';
import { type Decoder, type Following, type Wish, floats, indices, positions } from './decoder.js';
import { checkFinite, judged } from './finite.js';
import { gather } from './gather.js';
import { type Layout, cacheBytes, checkRoomOf, layoutOf } from './layout.js';

/**
 * WebNN takes one token, or as many as the cache has room for. So a prompt is padded to that, unless it is so much shorter
 * that its tokens are computed sooner one after the other: then no second graph is compiled either.
 */
const SHORT = 8;

export class InMemory implements Decoder {
  readonly captured = false;
  private cache: Record<string, ort.Tensor>;
  private length: number;

  private constructor(
    private readonly model: Model,
    private readonly wish: Wish,
    private readonly layout: Layout,
    /** The session for blocks of this width. */
    private readonly sessionFor: (width: number) => Promise<Held>,
  ) {
    checkRoomOf(layout, wish.tokens);
    this.length = layout.room ?? 0;
    this.cache = Object.fromEntries(
      layout.cached.map(({ past, type, heads, size }) => {
        const count = wish.batch * heads * this.length * size;
        const data = type === 'float32' ? new Float32Array(count) : new Uint16Array(count);
        return [past, madeOf(type, data, [wish.batch, heads, this.length, size])];
      }),
    );
  }

  static async open(model: Model, wish: Wish): Promise<InMemory> {
    if (!model.fixesShapes) {
      const held = await model.session(null);
      return new InMemory(model, wish, layoutOf(held.session), async () => held);
    }
    checkFixed(model, wish);
    const sessionFor = (width: number): Promise<Held> =>
      model.session({ overrides: { batch: wish.batch, sequence: width }, shape: [wish.batch, width] });
    const { session } = await sessionFor(1);
    return new InMemory(model, wish, layoutOf(session), sessionFor);
  }

  get capacity(): number {
    return this.length;
  }

  get bytes(): number {
    return cacheBytes(this.layout, this.wish.batch, this.length);
  }

  async prefill(prompts: readonly Int32Array[], between: () => Promise<void>): Promise<Following> {
    let following: Following | null = null;
    for (const block of this.blocks(prompts)) {
      if (following !== null) await between();
      following = await this.run(block);
    }
    return following as Following;
  }

  step(ids: Int32Array, lengths: readonly number[]): Promise<Following> {
    return this.run({ ids, width: 1, lengths });
  }

  async reorder(parents: readonly number[]): Promise<void> {
    if (parents.every((parent, row) => parent === row)) return;
    for (const [past, rows] of Object.entries(this.cache)) this.cache[past] = gather(rows, parents);
  }

  async release(): Promise<void> {
    this.cache = {};
  }

  private blocks(prompts: readonly Int32Array[]): Block[] {
    if (!this.model.fixesShapes) return blocks(prompts, this.wish.padId);
    const [prompt] = prompts as [Int32Array];
    if (prompt.length * SHORT > this.length) return [padded(prompts, this.length, this.wish.padId)];
    return Array.from(prompt, (id, place) => ({ ids: Int32Array.of(id), width: 1, lengths: [place + 1] }));
  }

  private async run(block: Block): Promise<Following> {
    const { batch, plain, constant } = this.wish;
    const held = await this.sessionFor(block.width);
    const { seqlens, total } = indices(block);
    const all = {
      input_ids: madeOf('int32', block.ids, [batch, block.width]),
      seqlens_k: madeOf('int32', seqlens, [batch]),
      total_sequence_length: madeOf('int32', Int32Array.of(total), []),
      key_positions: positions(this.layout.room ?? total),
    };
    const names = held.session.inputNames;
    const steps = Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name)));
    const wanted = [...(plain ? ['next'] : []), 'logits', ...this.layout.cached.map(({ present }) => present)];
    const fetches = Object.fromEntries(wanted.map((name) => [name, null]));
    const { outputs } = await this.model.step(held, { ...steps, ...constant, ...this.cache }, fetches);
    for (const { past, present } of this.layout.cached) this.cache[past] = outputs[present] as ort.Tensor;
    if (this.layout.room === null) this.length = Math.max(this.length, total);
    const numbers = floats(outputs['logits'] as ort.Tensor);
    const { vocabulary } = this.layout;
    if (plain) {
      checkFinite(judged(numbers, vocabulary), block.lengths);
      return { ids: (outputs['next'] as ort.Tensor).data as Int32Array, logits: null };
    }
    return { ids: new Int32Array(), logits: (row) => numbers.subarray(row * vocabulary, (row + 1) * vocabulary) };
  }
}

/** Throws where WebNN cannot run the graph. A session that fails there costs the whole runtime. */
function checkFixed(model: Model, { batch }: Wish): void {
  const refuse = (message: string, help: string): PageFault => new PageFault('platform_unavailable', message, { help });
  const past = model.inputs.find(({ name }) => name.startsWith('past.'));
  if (typeof past?.shape[2] !== 'number')
    throw refuse(
      `WebNN needs a decoder whose cache has the same room in every run, found past_sequence as ${past?.shape[2] ?? 'no input'}.`,
      'Use WebGPU or wasm for this model.',
    );
  if (batch > 1)
    throw refuse(
      `WebNN runs a decoder on one row at a time, found ${batch}: one for each prompt, or for each beam of its search.`,
      'Ask for one prompt after the other and for no beams, or use WebGPU or wasm.',
    );
}
