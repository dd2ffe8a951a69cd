/** The embeddings of one request. Each run is pooled into one tensor of all texts. Knows no sessions. */

import { PageFault } from '../../errors.js';
import type { Tensor } from '../../link/frame.js';
import type { EmbedData } from '../../protocol.js';
import { widen } from '../../runtime/float16.js';
import type { ort } from '../../runtime/onnxruntime.js';
import { checkOutput } from '../../runtime/tensors.js';
import type { Run } from './buckets.js';
import { firstOf } from './inputs.js';
import { poolRow } from './pooling.js';
import type { Text } from './texts.js';

export class Vectors {
  /** The output that the graph pooled itself. `null` where the graph gives a vector for each token. */
  pooledBy: string | null = null;
  private values: Float32Array<ArrayBuffer> | null = null;

  constructor(
    private readonly request: EmbedData,
    private readonly texts: readonly Text[],
  ) {}

  /** Pools the output of a run. */
  add({ rows, batch, length }: Run, name: string, result: ort.Tensor): void {
    const { pooling, unpooled, pad_left } = this.request;
    const { dims } = result;
    const hidden = dims.at(-1) as number;
    const pooled = dims.length === 2;
    const expected = pooled ? [batch, hidden] : [batch, length, hidden];
    if (dims.join() !== expected.join() || (pooled && unpooled > 0))
      throw new PageFault(
        'invalid_model',
        `Expected ${name} to be ${unpooled > 0 ? '' : `[${batch}, hidden] or `}[${batch}, ${length}, hidden], found [${dims.join(', ')}].`,
      );
    const data = floats(name, result);
    const width = pooled ? hidden : hidden * pooling.length;
    this.values ??= new Float32Array(this.texts.length * width);
    const values = this.values;
    if (pooled) this.pooledBy = name;
    rows.forEach((row, i) => {
      if (pooled) return values.set(data.subarray(i * hidden, (i + 1) * hidden), row * width);
      const text = this.texts[row] as Text;
      const first = firstOf(text, { length, padLeft: pad_left });
      const span = { first, start: first + unpooled, end: first + text.ids.length };
      poolRow({ data, length, hidden }, i, span, pooling, values, row * width);
    });
  }

  /** `embedding`, float32 `[batch, hidden]`. Throws `not_finite` where it has NaN or infinity. */
  tensor(): Tensor {
    const values = this.values as Float32Array<ArrayBuffer>;
    const rows = this.texts.length;
    const tensor: Tensor = {
      name: 'embedding',
      dtype: 'float32',
      shape: [rows, values.length / rows],
      bytes: new Uint8Array(values.buffer),
    };
    checkOutput(tensor);
    return tensor;
  }
}

/** The numbers of an output. float16 comes as a `Float16Array`, or as bits in a `Uint16Array`. */
function floats(name: string, { type, data }: ort.Tensor): Float32Array {
  if (type === 'float32') return data as Float32Array;
  const { buffer, byteOffset, byteLength } = data as unknown as ArrayBufferView<ArrayBuffer>;
  if (type === 'float16') return widen(new Uint16Array(buffer, byteOffset, byteLength / 2));
  throw new PageFault('invalid_model', `Expected ${name} to be float32 or float16, found ${type}.`);
}
