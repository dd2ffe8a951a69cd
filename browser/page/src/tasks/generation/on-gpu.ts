/**
 * A decoder on WebGPU. The cache is one buffer for each key and value, bound as input and as output of every run: so it
 * never grows, and nothing of it is copied. Where the session records, the first run for one token is recorded and the
 * others are replays, which costs the processor next to nothing.
 */

import { PageFault } from '../../errors.js';
import { widen } from '../../runtime/float16.js';
import { ort } from '../../runtime/onnxruntime.js';
import { madeOf } from '../../runtime/tensors.js';
import type { Model } from '../../sessions/model.js';
import type { Held } from '../../sessions/sessions.js';
import { type Block, blocks } from './blocks.js';
import { Buffers } from './buffers.js';
import { type Decoder, type Following, type Wish, indices, positions } from './decoder.js';
import { checkFinite } from './finite.js';
import { type Layout, bytesOf, cacheBytes, checkRoomOf, layoutOf, roomFor } from './layout.js';
import { Workspace } from './workspace.js';

/** Keeps a run from being recorded or replayed. */
const UNRECORDED = { extra: { gpu_graph_id: '-1' } };

/** Graphs of which a run failed while it was recorded, and how: they are not recorded again. */
const failed = new Map<string, string>();

/** How far a replay's logits may be from a run's, as a share of the greatest: both compute in the same order on most devices. */
const NEAR = 0.01;

/** After so many recordings a session is built anew: onnxruntime keeps the buffers of each as long as the session. */
const RECORDINGS = 16;

const bytesIn = ({ buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> => new Uint8Array(buffer, byteOffset, byteLength);

export class OnGpu implements Decoder {
  captured = false;
  /** The logits of the last run, where they are wanted. */
  private readonly room: Uint8Array<ArrayBuffer>;
  /** Rejects where the last run gave no finite logits, which may be known only after the next. */
  private judgement: Promise<void> = Promise.resolve();

  private constructor(
    private readonly model: Model,
    private readonly held: Held,
    private readonly wish: Wish,
    private readonly layout: Layout,
    private readonly space: Workspace,
  ) {
    this.room = new Uint8Array(wish.plain ? 0 : bytesOf(layout.logits) * wish.batch * layout.vocabulary);
  }

  static async open(model: Model, wish: Wish, context: number, records: boolean): Promise<OnGpu> {
    const held = await model.session(null, { records: records && !failed.has(model.wanted.graph.cid) });
    const layout = layoutOf(held.session);
    checkRoomOf(layout, wish.tokens);
    const capacity = layout.room ?? roomFor(wish.tokens, context);
    const shapes = Object.values(wish.constant).map(({ dims }) => dims.join('×'));
    const key = [wish.batch, capacity, ...shapes].join();
    const before = held.recorded instanceof Workspace && held.recorded.key === key ? held.recorded : null;
    // What another request left there may not be finite.
    before?.buffers.clear(before.cache);
    const space = before ?? (await OnGpu.workspace(model, held, (buffers) => new Workspace(key, buffers, layout, wish, capacity, held.recordings)));
    space.putConstant(wish.constant);
    return new OnGpu(model, held, wish, layout, space);
  }

  /** Makes a workspace. That of a session that records stays with it, in the place of the one before. */
  private static async workspace(model: Model, held: Held, make: (buffers: Buffers) => Workspace): Promise<Workspace> {
    const buffers = new Buffers(await ort.env.webgpu.device);
    if (held.notRecorded !== null) return buffers.within(() => make(buffers));
    held.recorded?.destroy();
    held.recorded = null;
    const space = await buffers.within(() => make(buffers));
    held.recorded = space;
    held.recordings += 1;
    await model.fit(held);
    return space;
  }

  get capacity(): number {
    return this.space.capacity;
  }

  get bytes(): number {
    return cacheBytes(this.layout, this.wish.batch, this.capacity);
  }

  /** Why its runs are not recorded; `null` where they are. */
  get notRecorded(): string | null {
    const unfaithful = this.space.faithful[this.wanted] === false ? 'a replay gave something else than a run' : null;
    return failed.get(this.model.wanted.graph.cid) ?? this.held.notRecorded ?? unfaithful;
  }

  async prefill(prompts: readonly Int32Array[], between: () => Promise<void>): Promise<Following> {
    const all = blocks(prompts, this.wish.padId);
    for (const block of all.slice(0, -1)) {
      await this.run(block, {});
      await between();
    }
    const following = await this.runWanted(all.at(-1) as Block);
    await this.judgement;
    return following;
  }

  async step(ids: Int32Array, lengths: readonly number[]): Promise<Following> {
    const block = { ids, width: 1, lengths };
    if (this.notRecorded !== null) return this.runWanted(block);
    const { following, replayed } = await this.replay(block);
    if (!replayed) return following;
    this.captured = true;
    if (this.space.faithful[this.wanted] !== null) return following;
    // The first replay is compared with a run, which writes the same into the cache once more. onnxruntime 1.30 replays
    // its programs and none of its copies: an `Identity` that gives an output is one.
    const before = this.given(following).slice();
    const run = await this.runWanted(block);
    this.captured = this.isNear(before, this.given(run));
    this.space.faithful[this.wanted] = this.captured;
    return run;
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

  /** Frees the cache, unless a recording works on it: then it stays for the next request. */
  async release(): Promise<void> {
    await this.judgement.catch(() => undefined);
    if (this.held.recorded !== this.space) this.space.destroy();
    else if (this.held.recordings >= RECORDINGS) await this.model.release(this.held);
  }

  private get wanted(): 'next' | 'logits' {
    return this.wish.plain ? 'next' : 'logits';
  }

  /**
   * A run that is not recorded. What changes from run to run is given in memory: onnxruntime would read back from the GPU
   * what it needs on the processor, and wait for each.
   */
  private async run(block: Block, wanted: Record<string, ort.Tensor | null>): Promise<Record<string, ort.Tensor>> {
    const { space, layout, wish } = this;
    const { seqlens, total } = indices(block);
    const feeds = {
      ...space.past,
      ...space.constant,
      input_ids: madeOf('int32', block.ids, [wish.batch, block.width]),
      seqlens_k: madeOf('int32', seqlens, [wish.batch]),
      ...(layout.room === null ? { total_sequence_length: madeOf('int32', Int32Array.of(total), []) } : {}),
      ...(layout.keyPositions ? { key_positions: positions(layout.room ?? total) } : {}),
    };
    const { outputs } = await this.model.step(this.held, feeds, { ...wanted, ...space.present }, UNRECORDED);
    return outputs as Record<string, ort.Tensor>;
  }

  private async runWanted(block: Block): Promise<Following> {
    const { logits, next } = this.space;
    if (!this.wish.plain) {
      await this.run(block, { logits });
      return this.logits();
    }
    if (this.held.notRecorded === null) {
      await this.run(block, { logits, next });
      return this.next(block.lengths);
    }
    // The last node is on the processor here, which has waited for the GPU. Not to wait again, the logits are judged while
    // the next run goes on: those of the last one are not.
    const { next: ids } = await this.run(block, { logits, next: null });
    await this.judgement;
    this.judgement = this.read([], block.lengths);
    this.judgement.catch(() => undefined);
    return { ids: ids?.data as Int32Array, logits: null };
  }

  /** Runs the decoder on one token a row, and records that or replays what was recorded. Gives which. */
  private async replay(block: Block): Promise<{ following: Following; replayed: boolean }> {
    const { space, wish } = this;
    space.put(block);
    const replayed = await this.recorded();
    return { following: await (wish.plain ? this.next(block.lengths) : this.logits()), replayed };
  }

  private async recorded(): Promise<boolean> {
    const { past, present, constant, steps, next, logits, recording } = this.space;
    try {
      const options = { extra: { gpu_graph_id: String(recording) } };
      return (await this.model.step(this.held, { ...steps, ...past, ...constant }, { next, logits, ...present }, options)).replayed;
    } catch (error) {
      const { code, message, fatal } = error as PageFault;
      if (fatal || this.captured) throw error;
      failed.set(this.model.wanted.graph.cid, message);
      throw new PageFault(code, message, { help: 'Send the request again: the graph is not recorded then.', repeatable: true, cause: error });
    }
  }

  /** Reads buffers, and judges the logits of the last run, which stay where they are. */
  private async read(wanted: ReadonlyArray<readonly [GPUBuffer, Uint8Array]>, lengths: readonly number[]): Promise<void> {
    const { buffers, through, judge, found } = this.space;
    const has = new Uint32Array(lengths.length);
    await buffers.read(through, [...wanted, [found, bytesIn(has)]], (encoder) => judge.encode(encoder));
    checkFinite(has, lengths);
  }

  /** Reads the next tokens that the last run gave. */
  private async next(lengths: readonly number[]): Promise<Following> {
    const ids = new Int32Array(lengths.length);
    await this.read([[this.space.next.gpuBuffer, bytesIn(ids)]], lengths);
    return { ids, logits: null };
  }

  /** Reads the logits of the last run. Who takes them sees whether they are finite. */
  private async logits(): Promise<Following> {
    const { space, room, layout } = this;
    const { vocabulary } = layout;
    await space.buffers.read(space.through, [[space.logits.gpuBuffer, room]]);
    const row =
      layout.logits === 'float32'
        ? (index: number) => new Float32Array(room.buffer, index * vocabulary * 4, vocabulary)
        : (index: number) => widen(new Uint16Array(room.buffer, index * vocabulary * 2, vocabulary));
    return { ids: new Int32Array(), logits: row };
  }

  /** What a run gave of what is wanted. */
  private given({ ids }: Following): Int32Array | Float32Array {
    if (this.wish.plain) return ids;
    return this.layout.logits === 'float32' ? new Float32Array(this.room.buffer) : widen(new Uint16Array(this.room.buffer));
  }

  private isNear(replayed: Int32Array | Float32Array, run: Int32Array | Float32Array): boolean {
    const most = this.wish.plain ? 0 : Array.from(run).reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 0);
    return replayed.every((value: number, i: number) => Math.abs(value - (run[i] as number)) <= NEAR * most);
  }
}
