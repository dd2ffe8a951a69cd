/** Buffers of a GPU for one decoder: made together, read back, destroyed together. Knows no onnxruntime. */

import { PageFault } from '../../errors.js';
import { orLost } from '../../facts/devices.js';

/** onnxruntime binds buffers in multiples of this. */
const ALIGN = 16;
const aligned = (bytes: number): number => Math.max(ALIGN, Math.ceil(bytes / ALIGN) * ALIGN);

export class Buffers {
  private readonly made: GPUBuffer[] = [];

  constructor(readonly device: GPUDevice) {}

  /** Makes buffers by `make`. Throws `out_of_memory` where the device has no room for them. */
  async within<T>(make: () => T): Promise<T> {
    this.device.pushErrorScope('out-of-memory');
    const result = make();
    const error = await orLost('webgpu', this.device.popErrorScope());
    if (error === null) return result;
    this.destroy();
    throw new PageFault('out_of_memory', `The GPU has no room for the cache of this request: ${error.message}`);
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

  /** Copies whole buffers on the GPU. */
  copy(...pairs: ReadonlyArray<readonly [from: GPUBuffer, to: GPUBuffer]>): void {
    const encoder = this.device.createCommandEncoder();
    for (const [from, to] of pairs) encoder.copyBufferToBuffer(from, 0, to, 0, Math.min(from.size, to.size));
    this.device.queue.submit([encoder.finish()]);
  }

  /** Fills buffers with zeros. */
  clear(buffers: readonly GPUBuffer[]): void {
    const encoder = this.device.createCommandEncoder();
    for (const buffer of buffers) encoder.clearBuffer(buffer);
    this.device.queue.submit([encoder.finish()]);
  }

  /** Reads what a buffer has once all work before is done. `through` is one of `readable`. */
  async read(from: GPUBuffer, through: GPUBuffer, into: Uint8Array): Promise<void> {
    this.copy([from, through]);
    await orLost('webgpu', through.mapAsync(GPUMapMode.READ));
    into.set(new Uint8Array(through.getMappedRange(), 0, into.byteLength));
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
