/**
 * Bytes of the GPU buffers of this Worker. No browser reports them, so they are
 * counted when they are made and when they are destroyed. A buffer that is dropped
 * without being destroyed counts until the garbage collector finds it. Knows nothing
 * of onnxruntime.
 */

interface Counted {
  /** Bytes of this device's buffers. */
  bytes: number;
}

const devices = new WeakMap<GPUDevice, Counted>();
const buffers = new WeakMap<GPUBuffer, () => void>();
const all = new Set<Counted>();
const dropped = new FinalizationRegistry<() => void>((giveBack) => giveBack());

function countedOf(device: GPUDevice): Counted {
  let counted = devices.get(device);
  if (counted === undefined) {
    counted = { bytes: 0 };
    devices.set(device, counted);
    all.add(counted);
  }
  return counted;
}

/** Counts a buffer until it is destroyed or collected, whichever comes first. */
function count(counted: Counted, buffer: GPUBuffer, bytes: number): void {
  let held = true;
  const giveBack = (): void => {
    if (held) counted.bytes -= bytes;
    held = false;
  };
  counted.bytes += bytes;
  buffers.set(buffer, giveBack);
  dropped.register(buffer, giveBack);
}

if (typeof GPUDevice !== 'undefined') {
  const { createBuffer, destroy } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    count(countedOf(this), buffer, descriptor.size);
    return buffer;
  };
  GPUDevice.prototype.destroy = function () {
    const counted = devices.get(this);
    if (counted !== undefined) all.delete(counted);
    return destroy.call(this);
  };
  const { destroy: destroyBuffer } = GPUBuffer.prototype;
  GPUBuffer.prototype.destroy = function () {
    buffers.get(this)?.();
    return destroyBuffer.call(this);
  };
}

/** Bytes of all buffers of all devices that have not been destroyed. */
export function gpuBytes(): number {
  let bytes = 0;
  for (const counted of all) bytes += counted.bytes;
  return bytes;
}
