/** Rows of a tensor in memory, picked by their numbers. */

import type { ort } from '../../runtime/onnxruntime.js';
import { fromOrt, toOrt } from '../../runtime/tensors.js';

/** A tensor `[picked, …]` of the rows of `[rows, …]`. A row may be picked several times. */
export function gather(tensor: ort.Tensor, picked: readonly number[]): ort.Tensor {
  const { shape, bytes, ...rest } = fromOrt('rows', tensor);
  const [rows, ...dims] = shape as [number, ...number[]];
  const size = bytes.byteLength / rows;
  const made = new Uint8Array(size * picked.length);
  picked.forEach((row, place) => made.set(bytes.subarray(row * size, (row + 1) * size), place * size));
  return toOrt({ ...rest, shape: [picked.length, ...dims], bytes: made });
}
