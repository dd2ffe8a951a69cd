/**
 * A decoder that others publish. Its cache grows with every run: a run gives all of it anew, and the next run takes that.
 * On wasm it is in memory; on WebGPU it stays on the device. All rows have as many columns in it, and a shorter prompt is
 * padded at the left, which the mask of every run says.
 */

import { PageFault } from '../../errors.js';
import type { ort } from '../../runtime/onnxruntime.js';
import { widen } from '../../runtime/float16.js';
import { int64, madeOf } from '../../runtime/tensors.js';
import { factsOf } from '../../sessions/graphs.js';
import type { Model } from '../../sessions/model.js';
import type { Held } from '../../sessions/sessions.js';
import { type Block, blocks, padded } from './blocks.js';
import type { Decoder, Following, Wish } from './decoder.js';
import { gather } from './gather.js';
import { bytesOf } from './layout.js';
import { endingTogether, maskOf, positionsOf } from './published-inputs.js';
import { type PublishedLayout, presentsOf, publishedLayoutOf } from './published-layout.js';

export class Published implements Decoder {
  readonly captured = false;
  readonly notRecorded = 'the graph is as others publish it: its cache grows with every run';
  private cache: Record<string, ort.Tensor>;
  /** Columns of the cache by now. */
  private length = 0;
  /** Columns of each row that are padding. */
  private padding: readonly number[];

  private constructor(
    private readonly model: Model,
    private readonly held: Held,
    private readonly wish: Wish,
    private readonly layout: PublishedLayout,
  ) {
    this.padding = Array.from({ length: wish.batch }, () => 0);
    this.cache = Object.fromEntries(
      [...layout.cached, ...layout.crossed].map(({ past, type, heads, size }) => {
        const none = type === 'float32' ? new Float32Array() : new Uint16Array();
        return [past, madeOf(type, none, [wish.batch, heads, 0, size])];
      }),
    );
  }

  static async open(model: Model, wish: Wish): Promise<Published> {
    const { platform } = model.wanted;
    if (platform === 'webnn')
      throw new PageFault('platform_unavailable', 'WebNN has every shape fixed, and the cache of a published decoder grows with every run.', {
        help: 'Use WebGPU or wasm for this model.',
      });
    const held = await model.session(null, { kept: platform === 'webgpu' ? presentsOf(model.inputs) : [] });
    return new Published(model, held, wish, publishedLayoutOf(held.session));
  }

  get capacity(): number {
    return this.length;
  }

  get bytes(): number {
    const sizeOf = ({ type, dims }: ort.Tensor): number => dims.reduce((product, size) => product * size, bytesOf(type as 'float32' | 'float16'));
    return Object.values(this.cache).reduce((sum, tensor) => sum + sizeOf(tensor), 0);
  }

  async prefill(prompts: readonly Int32Array[], between: () => Promise<void>): Promise<Following> {
    const all = this.blocks(prompts);
    for (const block of all.slice(0, -1)) {
      await this.run(block, []);
      await between();
    }
    return this.following(all.at(-1) as Block);
  }

  step(ids: Int32Array, lengths: readonly number[]): Promise<Following> {
    return this.following({ ids, width: 1, lengths });
  }

  /** What is kept of the encoder is left as it is: the rows of a prompt have the same. */
  async reorder(parents: readonly number[]): Promise<void> {
    if (parents.every((parent, row) => parent === row)) return;
    this.padding = parents.map((parent) => this.padding[parent] as number);
    for (const { past } of this.layout.cached) {
      const rows = this.cache[past] as ort.Tensor;
      // From the device to memory. The next run brings it back.
      await rows.getData(true);
      this.cache[past] = gather(rows, parents);
    }
  }

  async release(): Promise<void> {
    for (const tensor of Object.values(this.cache)) tensor.dispose();
    this.cache = {};
  }

  /** Frees the cache after a failure: it released the session, which can free nothing any more. */
  private abandon(): void {
    for (const tensor of Object.values(this.cache)) if (tensor.location === 'gpu-buffer') tensor.gpuBuffer.destroy();
    this.cache = {};
  }

  private blocks(prompts: readonly Int32Array[]): Block[] {
    const { takes } = this.layout;
    const lengths = prompts.map(({ length }) => length);
    const longest = Math.max(...lengths);
    if (lengths.some((length) => length < longest)) {
      this.checkPadded();
      this.padding = lengths.map((length) => longest - length);
      return [endingTogether(prompts, this.wish.padId)];
    }
    // The branch with a cache was exported from a run on one token, and may look ahead where it is given more.
    return takes.has('use_cache_branch') ? [padded(prompts, longest, this.wish.padId)] : blocks(prompts, this.wish.padId);
  }

  /**
   * Throws where the graph would take padding for tokens. onnxruntime's `GroupQueryAttention` does that: it knows of a row
   * only how many tokens it has, and takes the first ones.
   */
  private checkPadded(): void {
    const lacks = ['attention_mask', 'position_ids'].filter((name) => !this.layout.takes.has(name)).map((name) => `takes no ${name}`);
    const grouped = factsOf(this.model.wanted.graph).other_nodes.some((name) => name.includes('GroupQueryAttention'));
    const reasons = grouped ? [...lacks, 'has GroupQueryAttention'] : lacks;
    if (reasons.length === 0) return;
    throw new PageFault('bad_request', `Expected prompts of the same length, as the graph ${reasons.join(' and ')}, found others.`, {
      help: 'Ask for one prompt after the other.',
    });
  }

  /** Runs it on tokens, and gives what follows the last of each row. */
  private async following(block: Block): Promise<Following> {
    const { logits } = (await this.run(block, ['logits'])) as { logits: ort.Tensor };
    const [, tokens, vocabulary] = logits.dims as [number, number, number];
    const startOf = (row: number): number => ((row + 1) * tokens - 1) * vocabulary;
    if (logits.type === 'float32') {
      const numbers = logits.data as Float32Array;
      return { ids: new Int32Array(), logits: (row) => numbers.subarray(startOf(row), startOf(row) + vocabulary) };
    }
    const { buffer, byteOffset } = logits.data as unknown as ArrayBufferView<ArrayBuffer>;
    return { ids: new Int32Array(), logits: (row) => widen(new Uint16Array(buffer, byteOffset + 2 * startOf(row), vocabulary)) };
  }

  private async run(block: Block, wanted: readonly string[]): Promise<ort.InferenceSession.OnnxValueMapType> {
    const { batch, constant } = this.wish;
    const { cached, crossed, takes } = this.layout;
    const first = this.length === 0;
    const columns = this.length + block.width;
    const all = {
      input_ids: int64(block.ids, [batch, block.width]),
      attention_mask: int64(maskOf(this.padding, columns), [batch, columns]),
      position_ids: int64(positionsOf(block), [batch, block.width]),
      num_logits_to_keep: int64([1], []),
      use_cache_branch: madeOf('bool', Uint8Array.of(Number(!first)), [1]),
      ...constant,
    };
    const feeds = Object.fromEntries(Object.entries(all).filter(([name]) => takes.has(name)));
    // Only the first run gives what is kept of the encoder: in later ones it is empty.
    const given = first ? [...cached, ...crossed] : cached;
    const fetches = Object.fromEntries([...wanted, ...given.map(({ present }) => present)].map((name) => [name, null]));
    const { outputs } = await this.model.step(this.held, { ...feeds, ...this.cache }, fetches).catch((error: unknown) => {
      this.abandon();
      throw error;
    });
    for (const { past, present } of given) {
      this.cache[past]?.dispose();
      this.cache[past] = outputs[present] as ort.Tensor;
    }
    this.length = columns;
    return outputs;
  }
}
