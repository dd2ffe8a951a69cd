/**
 * Bytes of the GPU's buffers that this Worker has. No browser tells them, so
 * they are counted where they are made and given back. A buffer that is dropped
 * without being destroyed counts until the garbage collector finds it.
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

/** Counts a buffer until it is given back, which counts once. */
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

/** Bytes of all buffers of devices that were not destroyed. */
export function gpuBytes(): number {
  let bytes = 0;
  for (const counted of all) bytes += counted.bytes;
  return bytes;
}
