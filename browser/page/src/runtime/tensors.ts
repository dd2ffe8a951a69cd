/**
 * Tensors of the link as tensors of onnxruntime and back, without a copy, and the
 * checks of a graph's inputs and outputs. Knows no task.
 */

import type { InferenceSession } from 'onnxruntime-web';
import { PageFault } from '../errors.js';
import { ELEMENT_SIZE, type Tensor } from '../link/frame.js';
import type { DType } from '../protocol.js';
import { ort } from './onnxruntime.js';

type View = new (buffer: ArrayBuffer, offset: number, length: number) => ArrayBufferView<ArrayBuffer>;

const VIEWS: Readonly<Record<DType, View>> = {
  float32: Float32Array,
  float16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
};

/** The bytes as elements of their type. float16 comes as its bits. */
export function elements({ dtype, bytes }: Tensor): ArrayBufferView<ArrayBuffer> {
  return new VIEWS[dtype](bytes.buffer, bytes.byteOffset, bytes.byteLength / ELEMENT_SIZE[dtype]);
}

export function toOrt(tensor: Tensor): ort.Tensor {
  return madeOf(tensor.dtype, elements(tensor), tensor.shape);
}

/** A tensor of onnxruntime in memory. float16 comes as its bits. */
export function madeOf(type: DType, data: ArrayBufferView, dims: readonly number[]): ort.Tensor {
  const make = ort.Tensor as unknown as new (type: string, data: ArrayBufferView, dims: readonly number[]) => ort.Tensor;
  return new make(type, data, dims);
}

/** Integers as 64 bits, in memory. */
export const int64 = (values: ArrayLike<number>, dims: readonly number[]): ort.Tensor =>
  madeOf('int64', BigInt64Array.from(Array.from(values, BigInt)), dims);

export function fromOrt(name: string, tensor: ort.Tensor): Tensor {
  if (!(tensor.type in ELEMENT_SIZE))
    throw new PageFault('execution_failed', `Output ${name} is of ${tensor.type}, which cannot be sent.`);
  const data = tensor.data as unknown as ArrayBufferView<ArrayBuffer>;
  return {
    name,
    dtype: tensor.type as DType,
    shape: tensor.dims,
    bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

/** How many elements are NaN or infinite. 0 for types that have neither. */
export function countNotFinite(tensor: Tensor): { nan: number; infinite: number } {
  let nan = 0;
  let infinite = 0;
  if (tensor.dtype === 'float32') {
    for (const value of elements(tensor) as Float32Array) {
      // v - v is 0 for a finite v. So the usual case needs one test.
      if (value - value === 0) continue;
      if (Number.isNaN(value)) nan += 1;
      else infinite += 1;
    }
  } else if (tensor.dtype === 'float16') {
    for (const bits of elements(tensor) as Uint16Array) {
      if ((bits & 0x7c00) !== 0x7c00) continue;
      if (bits & 0x03ff) nan += 1;
      else infinite += 1;
    }
  }
  return { nan, infinite };
}

/** Throws where the tensors do not fit the inputs. Infinity is allowed, as attention masks have it. NaN is not. */
export function checkInputs(tensors: readonly Tensor[], inputs: readonly InferenceSession.ValueMetadata[]): void {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const expected = inputs.map(describe).join(', ');
  const symbols = new Map<string, number>();
  for (const tensor of tensors) {
    if (!inputs.some((input) => input.name === tensor.name))
      throw new PageFault('invalid_tensor', `The graph has no input ${tensor.name}. Its inputs are ${expected}.`);
  }
  for (const input of inputs) {
    const tensor = byName.get(input.name);
    if (tensor === undefined) throw new PageFault('invalid_tensor', `Expected the tensor ${describe(input)}, found none.`);
    if (!input.isTensor) continue;
    const mismatch = (): PageFault =>
      new PageFault(
        'invalid_tensor',
        `Expected ${describe(input)}, found ${tensor.dtype} [${tensor.shape.join(', ')}].`,
      );
    if (tensor.dtype !== input.type || tensor.shape.length !== input.shape.length) throw mismatch();
    tensor.shape.forEach((size, axis) => {
      const wanted = input.shape[axis] as number | string;
      if (typeof wanted === 'number') {
        if (wanted !== size) throw mismatch();
        return;
      }
      // A dimension without a name may have any size. A named one has the same size everywhere.
      if (wanted === '') return;
      const before = symbols.get(wanted);
      if (before !== undefined && before !== size)
        throw new PageFault('invalid_tensor', `Expected ${wanted} of ${input.name} to be ${before} as elsewhere, found ${size}.`);
      symbols.set(wanted, size);
    });
    // The cache of a decoder is empty at its first step.
    if (tensor.bytes.byteLength === 0 && !input.name.startsWith('past_key_values'))
      throw new PageFault('empty_input', `Expected ${input.name} to have elements, found [${tensor.shape.join(', ')}].`);
    const { nan } = countNotFinite(tensor);
    if (nan > 0) throw new PageFault('not_finite', `Input ${input.name} holds ${nan} NaN.`);
  }
}

/** Throws `not_finite` where the output has NaN or infinity. */
export function checkOutput(tensor: Tensor): void {
  const { nan, infinite } = countNotFinite(tensor);
  if (nan + infinite > 0)
    throw new PageFault(
      'not_finite',
      `Expected finite numbers in ${tensor.name} [${tensor.shape.join(', ')}], found ${nan} NaN and ${infinite} infinite.`,
    );
}

function describe(input: InferenceSession.ValueMetadata): string {
  return input.isTensor ? `${input.name}: ${input.type} [${input.shape.join(', ')}]` : input.name;
}
