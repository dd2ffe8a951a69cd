/** Buffers of a GPU for one decoder: made together, read back, destroyed together. Knows no onnxruntime. */

import { PageFault } from '../../errors.js';
import { orLost } from '../../facts/devices.js';

/** onnxruntime binds buffers in multiples of this. */
const ALIGN = 16;
const aligned = (bytes: number): number => Math.max(ALIGN, Math.ceil(bytes / ALIGN) * ALIGN);

export class Buffers {
  private readonly made: GPUBuffer[] = [];

  constructor(readonly device: GPUDevice) {}

  /** Bytes of all of them. */
  get bytes(): number {
    return this.made.reduce((sum, { size }) => sum + size, 0);
  }

  /** Makes buffers by `make`. Throws `out_of_memory` where the device has no room for them; then none of them is left. */
  async within<T>(make: () => T): Promise<T> {
    const before = this.made.length;
    this.device.pushErrorScope('out-of-memory');
    let scope: Promise<GPUError | null> | null = null;
    try {
      const result = make();
      scope = this.device.popErrorScope();
      const error = await orLost('webgpu', scope);
      if (error === null) return result;
      throw new PageFault('out_of_memory', `The GPU has no room for the cache of this request: ${error.message}`);
    } catch (error) {
      if (scope === null) await this.device.popErrorScope();
      for (const buffer of this.made.splice(before)) buffer.destroy();
      throw error;
    }
  }

  /** A buffer that runs read and write. */
  storage(bytes: number): GPUBuffer {
    const { maxStorageBufferBindingSize, maxBufferSize } = this.device.limits;
    const most = Math.min(maxStorageBufferBindingSize, maxBufferSize);
    if (bytes > most)
      throw new PageFault(
        'input_too_long',
        `Expected at most ${most} bytes of keys or values in a layer, as much as this GPU binds at once, found ${bytes}.`,
        { help: 'Ask for fewer new tokens, give a shorter prompt, or fewer prompts at once.' },
      );
    return this.make(bytes, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST);
  }

  /** A buffer that `read` reads through. */
  readable(bytes: number): GPUBuffer {
    return this.make(bytes, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
  }

  write(buffer: GPUBuffer, values: ArrayBufferView<ArrayBuffer>): void {
    this.device.queue.writeBuffer(buffer, 0, values.buffer, values.byteOffset, values.byteLength);
  }

  /** Fills buffers with zeros. */
  clear(buffers: readonly GPUBuffer[]): void {
    const encoder = this.device.createCommandEncoder();
    for (const buffer of buffers) encoder.clearBuffer(buffer);
    this.device.queue.submit([encoder.finish()]);
  }

  /**
   * Reads what buffers have once all work before is done, in one wait, each into its array. `through` is one of `readable`.
   * `first` encodes work that is done before.
   */
  async read(through: GPUBuffer, wanted: ReadonlyArray<readonly [GPUBuffer, Uint8Array]>, first?: (encoder: GPUCommandEncoder) => void): Promise<void> {
    const encoder = this.device.createCommandEncoder();
    first?.(encoder);
    let end = 0;
    for (const [from] of wanted) {
      encoder.copyBufferToBuffer(from, 0, through, end, from.size);
      end += from.size;
    }
    this.device.queue.submit([encoder.finish()]);
    await orLost('webgpu', through.mapAsync(GPUMapMode.READ, 0, end));
    const mapped = through.getMappedRange(0, end);
    let start = 0;
    for (const [from, into] of wanted) {
      into.set(new Uint8Array(mapped, start, into.byteLength));
      start += from.size;
    }
    through.unmap();
  }

  destroy(): void {
    for (const buffer of this.made.splice(0)) buffer.destroy();
  }

  private make(bytes: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const buffer = this.device.createBuffer({ size: aligned(bytes), usage });
    this.made.push(buffer);
    return buffer;
  }
}
