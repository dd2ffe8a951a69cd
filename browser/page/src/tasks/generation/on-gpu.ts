/**
 * A decoder on WebGPU. The cache is one buffer for each key and value, bound as input and as output of every run: so it
 * never grows, and nothing of it is copied. The token that a run gives stays on the GPU for the next one. Where the
 * session records, the first run for one token is recorded and the others are replays, which costs the processor next to
 * nothing.
 */

import { PageFault } from '../../errors.js';
import { ort } from '../../runtime/onnxruntime.js';
import { widen } from '../../runtime/float16.js';
import { madeOf } from '../../runtime/tensors.js';
import type { Model } from '../../sessions/model.js';
import type { Held, Recorded } from '../../sessions/sessions.js';
import { type Block, blocks } from './blocks.js';
import { Buffers } from './buffers.js';
import { type Decoder, type Following, type Wish, indices, positions } from './decoder.js';
import { type Layout, bytesOf, cacheBytes, checkRoomOf, layoutOf, roomFor } from './layout.js';

/** Keeps a run from being recorded or replayed. */
const UNRECORDED = { extra: { gpu_graph_id: '-1' } };

/** Graphs of which a run failed while it was recorded, and how: they are not recorded again. */
const failed = new Map<string, string>();

/** How far a replay's logits may be from a run's, as a share of the greatest: both compute in the same order on most devices. */
const NEAR = 0.01;

/** After so many recordings a session is built anew: onnxruntime keeps the buffers of each as long as the session. */
const RECORDINGS = 16;

type Tensors = Record<string, ort.Tensor>;

/** The buffers of a decoder, and the tensors that stand for them in every run for one token. */
class Workspace implements Recorded {
  readonly cache: readonly GPUBuffer[];
  readonly past: Tensors;
  readonly present: Tensors;
  readonly constant: Tensors;
  readonly ids: GPUBuffer;
  readonly seqlens: GPUBuffer;
  readonly total: GPUBuffer;
  /** What a run gives: the next tokens, or logits. */
  readonly given: GPUBuffer;
  readonly through: GPUBuffer;
  readonly steps: Tensors;
  readonly result: Tensors;
  /** What rows of the cache are moved through; `null` before any is. */
  spare: GPUBuffer | null = null;
  /** The number of its recording. */
  recording = 0;
  /** Whether replays of it give what runs give: `null` before the first. */
  faithful: boolean | null = null;

  constructor(
    readonly key: string,
    readonly buffers: Buffers,
    layout: Layout,
    { batch, plain, constant }: Wish,
    readonly capacity: number,
  ) {
    const on = (buffer: GPUBuffer, dataType: 'int32' | 'float32' | 'float16', dims: readonly number[]): ort.Tensor =>
      ort.Tensor.fromGpuBuffer(buffer, { dataType, dims: [...dims] }) as ort.Tensor;
    this.past = {};
    this.present = {};
    this.cache = layout.cached.map(({ past, present, type, heads, size }) => {
      const dims = [batch, heads, capacity, size];
      const buffer = buffers.storage(bytesOf(type) * batch * heads * capacity * size);
      this.past[past] = on(buffer, type, dims);
      this.present[present] = on(buffer, type, dims);
      return buffer;
    });
    this.constant = Object.fromEntries(
      Object.entries(constant).map(([name, { type, dims, data }]) => {
        const { byteLength } = data as Int32Array;
        return [name, on(buffers.storage(byteLength), type as 'int32', dims)];
      }),
    );
    this.ids = buffers.storage(4 * batch);
    this.seqlens = buffers.storage(4 * batch);
    this.total = buffers.storage(4);
    const bytes = plain ? 4 * batch : bytesOf(layout.logits) * batch * layout.vocabulary;
    this.given = buffers.storage(bytes);
    this.through = buffers.readable(bytes);
    this.steps = {
      input_ids: on(this.ids, 'int32', [batch, 1]),
      seqlens_k: on(this.seqlens, 'int32', [batch]),
      ...(layout.room === null ? { total_sequence_length: on(this.total, 'int32', []) } : {}),
    };
    this.result = plain
      ? { next: on(this.given, 'int32', [batch, 1]) }
      : { logits: on(this.given, layout.logits, [batch, layout.vocabulary]) };
  }

  destroy(): void {
    this.buffers.destroy();
  }
}

export class OnGpu implements Decoder {
  captured = false;
  private readonly room: Uint8Array<ArrayBuffer>;

  private constructor(
    private readonly model: Model,
    private readonly held: Held,
    private readonly wish: Wish,
    private readonly layout: Layout,
    private readonly space: Workspace,
  ) {
    const { batch, plain } = wish;
    this.room = new Uint8Array(plain ? 4 * batch : bytesOf(layout.logits) * batch * layout.vocabulary);
  }

  static async open(model: Model, wish: Wish, context: number, records: boolean): Promise<OnGpu> {
    const held = await model.session(null, { records: records && !failed.has(model.wanted.graph.cid) });
    const layout = layoutOf(held.session);
    checkRoomOf(layout, wish.tokens);
    const capacity = layout.room ?? roomFor(wish.tokens, context);
    const shapes = Object.values(wish.constant).map(({ dims }) => dims.join('×'));
    const key = [wish.batch, capacity, wish.plain, ...shapes].join();
    const before = held.recorded instanceof Workspace && held.recorded.key === key ? held.recorded : null;
    let space = before;
    if (space === null) {
      const buffers = new Buffers(await ort.env.webgpu.device);
      if (held.notRecorded === null) {
        held.recorded?.destroy();
        held.recorded = null;
      }
      space = await buffers.within(() => new Workspace(key, buffers, layout, wish, capacity));
      if (held.notRecorded === null) {
        space.recording = held.recordings;
        held.recordings += 1;
        held.recorded = space;
      }
    } else {
      // What another request left there may not be finite.
      space.buffers.clear(space.cache);
    }
    for (const [name, { data }] of Object.entries(wish.constant))
      space.buffers.write((space.constant[name] as ort.Tensor).gpuBuffer, data as Int32Array<ArrayBuffer>);
    return new OnGpu(model, held, wish, layout, space);
  }

  get capacity(): number {
    return this.space.capacity;
  }

  get bytes(): number {
    return cacheBytes(this.layout, this.wish.batch, this.capacity);
  }

  /** Why its runs are not recorded; `null` where they are. */
  get notRecorded(): string | null {
    const unfaithful = this.space.faithful === false ? 'a replay gave something else than a run' : null;
    return failed.get(this.model.wanted.graph.cid) ?? this.held.notRecorded ?? unfaithful;
  }

  async prefill(prompts: readonly Int32Array[], between: () => Promise<void>): Promise<Following> {
    const all = blocks(prompts, this.wish.padId);
    for (const [index, block] of all.entries()) {
      if (index > 0) await between();
      await this.runBlock(block);
    }
    return this.following();
  }

  async step(ids: Int32Array, lengths: readonly number[]): Promise<Following> {
    const { space, wish } = this;
    const { seqlens, total } = indices({ lengths });
    // Plain tokens are on the GPU already, where `following` has put them.
    if (!wish.plain) space.buffers.write(space.ids, ids as Int32Array<ArrayBuffer>);
    space.buffers.write(space.seqlens, seqlens);
    space.buffers.write(space.total, Int32Array.of(total));
    const records = this.notRecorded === null;
    const replayed = await this.runOne(total, records);
    const following = await this.following();
    if (!records || !replayed || space.faithful) return this.asGiven(following, replayed);
    // The first replay is compared with a run, which writes the same into the cache once more. In onnxruntime 1.30 they
    // differ where logits of fp32 graphs are wanted; next tokens, and logits of fp16 graphs, are the same.
    const before = this.room.slice();
    space.buffers.write(space.ids, ids as Int32Array<ArrayBuffer>);
    await this.runOne(total, false);
    const run = await this.following();
    space.faithful = this.isNear(before);
    return this.asGiven(run, space.faithful);
  }

  /** Rows are copied through a spare buffer, since WebGPU copies nothing from a buffer into itself. */
  async reorder(parents: readonly number[]): Promise<void> {
    const { space, layout } = this;
    const { buffers } = space;
    const moved = parents.flatMap((parent, row) => (parent === row ? [] : [{ parent, row }]));
    if (moved.length === 0) return;
    const sizes = layout.cached.map(({ type, heads, size }) => bytesOf(type) * heads * space.capacity * size);
    const spare = (space.spare ??= await buffers.within(() => buffers.storage(Math.max(...sizes) * parents.length)));
    const encoder = buffers.device.createCommandEncoder();
    space.cache.forEach((buffer, index) => {
      const bytes = sizes[index] as number;
      moved.forEach(({ parent }, place) => encoder.copyBufferToBuffer(buffer, parent * bytes, spare, place * bytes, bytes));
      moved.forEach(({ row }, place) => encoder.copyBufferToBuffer(spare, place * bytes, buffer, row * bytes, bytes));
    });
    buffers.device.queue.submit([encoder.finish()]);
  }

  private asGiven(following: Following, replayed: boolean): Following {
    this.captured ||= replayed;
    return following;
  }

  /** Runs the decoder on one token a row, which are on the GPU. Gives whether that was a replay. */
  private async runOne(total: number, records: boolean): Promise<boolean> {
    const { space, layout } = this;
    const feeds = { ...space.steps, ...space.past, ...space.constant, ...(layout.keyPositions ? { key_positions: positions(layout.room ?? total) } : {}) };
    const fetches = { ...space.result, ...space.present };
    if (!records) return (await this.model.step(this.held, feeds, fetches, UNRECORDED)).replayed;
    try {
      return (await this.model.step(this.held, feeds, fetches, { extra: { gpu_graph_id: String(space.recording) } })).replayed;
    } catch (error) {
      const { code, message, fatal } = error as PageFault;
      if (fatal || this.captured) throw error;
      failed.set(this.model.wanted.graph.cid, message);
      throw new PageFault(code, message, { help: 'Send the request again: the graph is not recorded then.', repeatable: true, cause: error });
    }
  }

  /** Whether what was given before is what was given last. */
  private isNear(before: Uint8Array<ArrayBuffer>): boolean {
    if (this.wish.plain) return before.every((byte, i) => byte === this.room[i]);
    const numbers = (bytes: Uint8Array<ArrayBuffer>): Float32Array =>
      this.layout.logits === 'float32' ? new Float32Array(bytes.buffer) : widen(new Uint16Array(bytes.buffer));
    const [replayed, run] = [numbers(before), numbers(this.room)];
    const most = run.reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 0);
    return replayed.every((value, i) => Math.abs(value - (run[i] as number)) <= NEAR * most);
  }

  /** Frees the cache, unless a recording works on it: then it stays for the next request. */
  async release(): Promise<void> {
    if (this.held.recorded !== this.space) this.space.destroy();
    else if (this.held.recordings >= RECORDINGS) await this.model.release(this.held);
  }

  private async runBlock(block: Block): Promise<void> {
    const { layout } = this;
    const { batch } = this.wish;
    const { seqlens, total } = indices(block);
    const feeds = {
      ...this.space.past,
      ...this.space.constant,
      input_ids: madeOf('int32', block.ids, [batch, block.width]),
      seqlens_k: madeOf('int32', seqlens, [batch]),
      ...(layout.room === null ? { total_sequence_length: madeOf('int32', Int32Array.of(total), []) } : {}),
      ...(layout.keyPositions ? { key_positions: positions(layout.room ?? total) } : {}),
    };
    await this.model.step(this.held, feeds, { ...this.space.result, ...this.space.present }, UNRECORDED);
  }

  /** Reads what the last run gave. */
  private async following(): Promise<Following> {
    const { space, room, wish, layout } = this;
    if (wish.plain) space.buffers.copy([space.given, space.ids]);
    await space.buffers.read(space.given, space.through, room);
    if (wish.plain) return { ids: new Int32Array(room.buffer), logits: null };
    const { vocabulary } = layout;
    const row =
      layout.logits === 'float32'
        ? (index: number) => new Float32Array(room.buffer, index * vocabulary * 4, vocabulary)
        : (index: number) => widen(new Uint16Array(room.buffer, index * vocabulary * 2, vocabulary));
    return { ids: new Int32Array(), logits: row };
  }
}

