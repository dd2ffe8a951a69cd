/**
 * transformers.js by itself, against which `make bench` holds our own path: the
 * same text in the same page on the same runtime, turn by turn, so that whatever
 * else the machine does disturbs both alike.
 */

import { embed } from './embed.js';
import { PageFault } from './errors.js';
import type { EmbedData, ModelSource } from './protocol.js';
import { transformers } from './runtime.js';
import type { Wanted } from './sessions.js';

export interface BaselineData {
  readonly model: ModelSource;
  readonly text: string;
  readonly repeat: number;
  /**
   * A folder in the layout of transformers.js, from the root, with the slash at
   * its end: `config.json`, `tokenizer.json`, `onnx/model.onnx` with int64 inputs
   * and, where its weights are beside it, `onnx/model.onnx_data`.
   */
  readonly transformers_model_url: string;
}

export interface BaselineResult {
  /** Milliseconds of each embedding, in turn with `transformers_ms`. */
  readonly pelago_ms: number[];
  readonly transformers_ms: number[];
  /** The largest difference between the two embeddings. */
  readonly max_abs_difference: number;
}

export async function baseline(data: unknown, wantedBy: (model: ModelSource) => Wanted): Promise<BaselineResult> {
  const { model, text, repeat, transformers_model_url } = data as BaselineData;
  const wanted = wantedBy(model);
  const { env, pipeline } = await transformers();
  env.localModelPath = '';
  const device = wanted.platform === 'webnn' ? (`webnn-${wanted.options.webnn_device_type ?? 'cpu'}` as const) : wanted.platform;
  const extract = await pipeline('feature-extraction', `.${transformers_model_url}`.replace(/\/$/, ''), {
    device: device as 'wasm',
    dtype: 'fp32',
    use_external_data_format: await exists(`${transformers_model_url}onnx/model.onnx_data`),
  });
  const ours: EmbedData = { model, texts: [text] };
  try {
    const first = await embed(wanted, ours);
    const pooling = first.data.pooling;
    if (pooling !== 'mean' && pooling !== 'cls')
      throw new PageFault('bad_request', `transformers.js pools by mean or cls, this model by ${pooling}.`);
    const options = { pooling, normalize: first.data.normalized } as const;
    const theirs = await extract(text, options);
    const vector = new Float32Array((first.tensors[0] as { bytes: Uint8Array<ArrayBuffer> }).bytes.buffer);
    let difference = 0;
    vector.forEach((value, i) => {
      difference = Math.max(difference, Math.abs(value - Number(theirs.data[i])));
    });
    const pelago_ms: number[] = [];
    const transformers_ms: number[] = [];
    for (let i = 0; i < repeat; i++) {
      const start = performance.now();
      await embed(wanted, ours);
      const middle = performance.now();
      await extract(text, options);
      pelago_ms.push(middle - start);
      transformers_ms.push(performance.now() - middle);
    }
    return { pelago_ms, transformers_ms, max_abs_difference: difference };
  } finally {
    await extract.dispose();
  }
}

async function exists(url: string): Promise<boolean> {
  const response = await fetch(url, { headers: { Range: 'bytes=0-0' } });
  await response.body?.cancel();
  return response.ok;
}
