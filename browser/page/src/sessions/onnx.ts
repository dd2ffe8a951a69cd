/**
 * Reads what must be known of an ONNX file before onnxruntime reads it: the inputs
 * of the graph with their symbolic dimensions, and which nodes compute on integers.
 * It reads protobuf fields by number (onnx.proto, IR version 3 and later) and skips
 * the weights. Knows nothing of onnxruntime.
 */

import { PageFault } from '../errors.js';

export interface GraphInput {
  readonly name: string;
  /** A number, or the name of a dimension that is only known when the graph runs. */
  readonly shape: ReadonlyArray<number | string>;
}

export interface OnnxGraph {
  readonly inputs: readonly GraphInput[];
  /** Names of the nodes whose data is integer or boolean, not floating point. */
  readonly integerNodes: ReadonlySet<string>;
  /** Names of all nodes. */
  readonly nodes: ReadonlySet<string>;
}

/** TensorProto.DataType of the floating point types: float, float16, double, bfloat16, float8*. */
const FLOATING: ReadonlySet<number> = new Set([1, 10, 11, 16, 17, 18, 19, 20]);
const INT64 = 7;
const BOOL = 9;

class Reader {
  private at = 0;
  constructor(private readonly bytes: Uint8Array) {}

  /** Calls back with each field: a number for a varint, a view for a field with a length. Fields of fixed width are skipped. */
  fields(visit: (field: number, value: number | Uint8Array) => void): void {
    while (this.at < this.bytes.length) {
      const tag = this.varint();
      switch (tag % 8) {
        case 0:
          visit(Math.floor(tag / 8), this.varint());
          break;
        case 1:
          this.skip(8);
          break;
        case 2: {
          const length = this.varint();
          const start = this.at;
          this.skip(length);
          visit(Math.floor(tag / 8), this.bytes.subarray(start, this.at));
          break;
        }
        case 5:
          this.skip(4);
          break;
        default:
          throw new RangeError(`wire type ${tag % 8} at byte ${this.at}`);
      }
    }
  }

  private skip(length: number): void {
    if (length > this.bytes.length - this.at)
      throw new RangeError(`a field of ${length} bytes where ${this.bytes.length - this.at} are left`);
    this.at += length;
  }

  private varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw new RangeError('a number that the end of the file cuts off');
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError(`a number longer than 10 bytes at byte ${this.at}`);
  }
}

const decoder = new TextDecoder();
const text = (value: number | Uint8Array): string => (typeof value === 'number' ? String(value) : decoder.decode(value));
const message = (value: number | Uint8Array, visit: (field: number, value: number | Uint8Array) => void): void => {
  if (typeof value === 'number') throw new RangeError(`the number ${value} where a message belongs`);
  new Reader(value).fields(visit);
};

interface ValueInfo {
  name: string;
  type: number;
  shape: Array<number | string>;
}

/** ValueInfoProto: name 1, type 2 → tensor_type 1 → elem_type 1, shape 2 → dim 1 → dim_value 1, dim_param 2. */
function valueInfo(value: number | Uint8Array): ValueInfo {
  const info: ValueInfo = { name: '', type: 0, shape: [] };
  message(value, (field, inner) => {
    if (field === 1) info.name = text(inner);
    if (field !== 2) return;
    message(inner, (kind, tensor) => {
      if (kind !== 1) return;
      message(tensor, (part, content) => {
        if (part === 1 && typeof content === 'number') info.type = content;
        if (part !== 2) return;
        message(content, (_, dimension) => {
          let size: number | string = '';
          message(dimension, (which, given) => {
            size = which === 1 && typeof given === 'number' ? given : text(given);
          });
          info.shape.push(size);
        });
      });
    });
  });
  return info;
}

/** TensorProto: data_type 2, name 8. */
function tensorInfo(value: number | Uint8Array): { name: string; type: number } {
  const info = { name: '', type: 0 };
  message(value, (field, inner) => {
    if (field === 2 && typeof inner === 'number') info.type = inner;
    if (field === 8) info.name = text(inner);
  });
  return info;
}

interface Node {
  name: string;
  op: string;
  inputs: string[];
  outputs: string[];
  /** Of `Cast`: the type that it gives. Of `Constant` and `ConstantOfShape`: the type of its value. */
  type: number | null;
}

/** NodeProto: input 1, output 2, name 3, op_type 4, attribute 5 → name 1, i 3, t 5. */
function nodeInfo(value: number | Uint8Array): Node {
  const node: Node = { name: '', op: '', inputs: [], outputs: [], type: null };
  message(value, (field, inner) => {
    if (field === 1) node.inputs.push(text(inner));
    else if (field === 2) node.outputs.push(text(inner));
    else if (field === 3) node.name = text(inner);
    else if (field === 4) node.op = text(inner);
    else if (field === 5) {
      let attribute = '';
      let integer: number | null = null;
      let tensor: number | null = null;
      message(inner, (part, content) => {
        if (part === 1) attribute = text(content);
        if (part === 3 && typeof content === 'number') integer = content;
        if (part === 5) tensor = tensorInfo(content).type;
      });
      if (attribute === 'to') node.type = integer;
      if (attribute === 'value') node.type = tensor;
      if (attribute === 'value_int' || attribute === 'value_ints') node.type = INT64;
    }
  });
  return node;
}

/** The type of a node's output, as far as telling integers from floats needs it; 0 where it is not known. */
function outputType(node: Node, typeOf: (name: string) => number): number {
  switch (node.op) {
    case 'Shape':
    case 'Size':
    case 'NonZero':
    case 'ArgMax':
    case 'ArgMin':
      return INT64;
    case 'Equal':
    case 'Greater':
    case 'GreaterOrEqual':
    case 'Less':
    case 'LessOrEqual':
    case 'Not':
    case 'And':
    case 'Or':
    case 'IsNaN':
      return BOOL;
    case 'Cast':
    case 'Constant':
      return node.type ?? 0;
    case 'ConstantOfShape':
      return node.type ?? 1;
    case 'Where':
      return typeOf(node.inputs[1] ?? '');
    default:
      return typeOf(node.inputs[0] ?? '');
  }
}

/** Reads a graph. Throws `invalid_model` where the bytes are not one. */
export function readOnnx(bytes: Uint8Array, name: string): OnnxGraph {
  const invalid = (found: string): PageFault =>
    new PageFault('invalid_model', `Expected ${name} to be an ONNX graph, found ${found}.`);
  const inputs: ValueInfo[] = [];
  const nodes: Node[] = [];
  const types = new Map<string, number>();
  const weights = new Set<string>();
  let graphs = 0;
  try {
    // ModelProto: graph 7. GraphProto: node 1, initializer 5, input 11.
    new Reader(bytes).fields((field, graph) => {
      if (field !== 7) return;
      graphs += 1;
      message(graph, (part, value) => {
        if (part === 1) nodes.push(nodeInfo(value));
        if (part === 5) {
          const tensor = tensorInfo(value);
          types.set(tensor.name, tensor.type);
          weights.add(tensor.name);
        }
        if (part === 11) inputs.push(valueInfo(value));
      });
    });
  } catch (error) {
    throw invalid(error instanceof RangeError ? error.message : String(error));
  }
  if (graphs === 0 || nodes.length === 0) throw invalid(`${bytes.length} bytes without a graph that has nodes`);
  for (const input of inputs) types.set(input.name, input.type);
  const typeOf = (value: string): number => types.get(value) ?? 0;
  const integer = (type: number): boolean => type !== 0 && !FLOATING.has(type);
  const integerNodes = new Set<string>();
  // Nodes of a valid graph stand in topological order.
  for (const node of nodes) {
    const type = outputType(node, typeOf);
    for (const output of node.outputs) types.set(output, type);
    // A cast of integers is bookkeeping too, whatever it gives.
    const data = node.op === 'Cast' ? typeOf(node.inputs[0] ?? '') : type;
    if (integer(data)) integerNodes.add(node.name);
  }
  return {
    inputs: inputs.filter((input) => !weights.has(input.name)).map(({ name, shape }) => ({ name, shape })),
    integerNodes,
    nodes: new Set(nodes.map((node) => node.name)),
  };
}
