/** Tiny ONNX graphs for tests: as much of onnx.proto as they need, written field by field. */

import type { GraphFacts } from '../src/protocol.js';

/** TensorProto.DataType. */
export const FLOAT = 1;
export const INT32 = 6;
export const INT64 = 7;
export const BOOL = 9;
export const FLOAT16 = 10;

export interface Value {
  readonly name: string;
  readonly type: number;
  /** A dimension is a size, or the name of one that is only known when the graph runs. `null` says nothing of them. */
  readonly shape: ReadonlyArray<number | string> | null;
}

export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Whether it computes on integers. */
  readonly integer?: boolean;
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

export interface GraphSpec {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly nodes: readonly Node[];
  readonly weights?: Readonly<Record<string, Weight>>;
}

/** A float32 or int64 tensor, or the name of the file beside the graph that has the float32 ones of this tensor and nothing else. */
export interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array | string;
}

type Bytes = readonly number[];

function varint(value: number): Bytes {
  const bytes: number[] = [];
  // Negative numbers are 64 bits in two's complement.
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

const number = (field: number, value: number): Bytes => [...varint(field * 8), ...varint(value)];
const message = (field: number, ...parts: readonly Bytes[]): Bytes => {
  const content = parts.flat();
  return [...varint(field * 8 + 2), ...varint(content.length), ...content];
};
const text = (field: number, value: string): Bytes => message(field, [...new TextEncoder().encode(value)]);

function value(field: number, { name, type, shape }: Value): Bytes {
  const dimension = (size: number | string): Bytes => message(1, typeof size === 'number' ? number(1, size) : text(2, size));
  const dimensions = shape === null ? [] : message(2, ...shape.map(dimension));
  return message(field, text(1, name), message(2, message(1, number(1, type), dimensions)));
}

function attribute(name: string, given: number | readonly number[]): Bytes {
  return typeof given === 'number'
    ? message(5, text(1, name), number(3, given), number(20, 2))
    : message(5, text(1, name), ...given.map((one) => number(8, one)), number(20, 7));
}

/** The bytes of a model in opset 17 with this graph. */
export function onnx({ inputs, outputs, nodes, weights = {} }: GraphSpec): Uint8Array {
  const graph = [
    ...nodes.map(({ op, inputs, output, attributes = {} }) =>
      message(
        1,
        ...inputs.map((name) => text(1, name)),
        text(2, output),
        text(3, output),
        text(4, op),
        ...Object.entries(attributes).map(([name, given]) => attribute(name, given)),
      ),
    ),
    text(2, 'test'),
    ...Object.entries(weights).map(([name, { shape, data }]) =>
      message(
        5,
        ...shape.map((size) => number(1, size)),
        number(2, data instanceof BigInt64Array ? INT64 : FLOAT),
        text(8, name),
        ...(typeof data === 'string'
          ? [message(13, text(1, 'location'), text(2, data)), number(14, 1)]
          : [message(9, [...new Uint8Array(data.buffer)])]),
      ),
    ),
    ...inputs.map((input) => value(11, input)),
    ...outputs.map((output) => value(12, output)),
  ];
  return Uint8Array.from([...number(1, 8), ...message(7, ...graph), ...message(8, number(2, 17))]);
}

/** What a host reads of the graph. */
export function factsOf({ inputs, nodes }: GraphSpec): GraphFacts {
  const names = (integer: boolean): string[] => nodes.filter((node) => (node.integer ?? false) === integer).map(({ output }) => output);
  return {
    inputs: inputs.map(({ name, shape }) => ({ name, shape: [...(shape ?? [])] })),
    integer_nodes: names(true),
    other_nodes: names(false),
  };
}
