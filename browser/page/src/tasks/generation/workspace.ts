/** What a decoder on WebGPU works on: its buffers, and the tensors that stand for them in every run. Runs nothing. */

import { ort } from '../../runtime/onnxruntime.js';
import type { Recorded } from '../../sessions/sessions.js';
import type { Block } from './blocks.js';
import type { Buffers } from './buffers.js';
import { type Wish, indices } from './decoder.js';
import { Judge } from './finite.js';
import { type Layout, bytesOf } from './layout.js';

type Tensors = Record<string, ort.Tensor>;

export class Workspace implements Recorded {
  readonly cache: readonly GPUBuffer[];
  readonly past: Tensors = {};
  readonly present: Tensors = {};
  readonly constant: Tensors;
  /** What a run for one token is given where it is recorded. */
  readonly steps: Tensors;
  /** What runs give. A recorded one gives both, so that one recording does for who wants tokens and for who wants logits. */
  readonly next: ort.Tensor;
  readonly logits: ort.Tensor;
  readonly judge: Judge;
  /** What the judge says of each row. */
  readonly found: GPUBuffer;
  readonly through: GPUBuffer;
  /** What rows of the cache are moved through; `null` before any is. */
  spare: GPUBuffer | null = null;
  /** Whether replays give what runs give; `null` where that is not known yet. */
  readonly faithful: Record<'next' | 'logits', boolean | null> = { next: null, logits: null };

  constructor(
    readonly key: string,
    readonly buffers: Buffers,
    layout: Layout,
    { batch, constant }: Wish,
    readonly capacity: number,
    /** The number of its recording. */
    readonly recording: number,
  ) {
    const on = (buffer: GPUBuffer, dataType: 'int32' | 'float32' | 'float16', dims: readonly number[]): ort.Tensor =>
      ort.Tensor.fromGpuBuffer(buffer, { dataType, dims: [...dims] }) as ort.Tensor;
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
    this.steps = {
      input_ids: on(buffers.storage(4 * batch), 'int32', [batch, 1]),
      seqlens_k: on(buffers.storage(4 * batch), 'int32', [batch]),
      ...(layout.room === null ? { total_sequence_length: on(buffers.storage(4), 'int32', []) } : {}),
    };
    const { vocabulary, logits: type } = layout;
    const logits = buffers.storage(bytesOf(type) * batch * vocabulary);
    this.next = on(buffers.storage(4 * batch), 'int32', [batch, 1]);
    this.logits = on(logits, type, [batch, vocabulary]);
    this.found = buffers.storage(4 * batch);
    this.through = buffers.readable(logits.size + 2 * this.found.size);
    this.judge = new Judge(buffers.device, logits, this.found, type, vocabulary, batch);
  }

  get bytes(): number {
    return this.buffers.bytes;
  }

  /** Puts what the next recorded run is given. */
  put(block: Block): void {
    const { seqlens, total } = indices(block);
    const { input_ids, seqlens_k, total_sequence_length } = this.steps as { input_ids: ort.Tensor; seqlens_k: ort.Tensor; total_sequence_length?: ort.Tensor };
    this.buffers.write(input_ids.gpuBuffer, block.ids as Int32Array<ArrayBuffer>);
    this.buffers.write(seqlens_k.gpuBuffer, seqlens);
    if (total_sequence_length) this.buffers.write(total_sequence_length.gpuBuffer, Int32Array.of(total));
  }

  /** Puts what the decoder looks at of an encoder. */
  putConstant(constant: Wish['constant']): void {
    for (const [name, { data }] of Object.entries(constant)) this.buffers.write((this.constant[name] as ort.Tensor).gpuBuffer, data as Int32Array<ArrayBuffer>);
  }

  destroy(): void {
    this.buffers.destroy();
  }
}
