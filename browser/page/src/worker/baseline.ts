/**
 * transformers.js by itself, which `make bench` compares with Pelago's own path:
 * both embed the same text in the same page on the same runtime, in turns, so that
 * whatever else the machine does disturbs both alike. No session of a user comes
 * here, and no task depends on it.
 */

import { PageFault, faultOf } from '../errors.js';
import type { EmbedData } from '../protocol.js';
import { transformers } from '../runtime/transformers.js';
import type { Model } from '../sessions/model.js';
import { embed } from '../tasks/embed.js';
import { type Context, type Packed, outputOf } from '../tasks/task.js';

/** The message's tensors are those of `embed`. */
export interface BaselineData {
  /** The text as the host tokenized it: a batch of one. */
  readonly embed: EmbedData;
  readonly text: string;
  /** Whether the model scales its embeddings to length 1. */
  readonly normalize: boolean;
  readonly repeat: number;
  /**
   * A folder in the layout of transformers.js, from the root, with the slash at
   * its end: `config.json`, `tokenizer.json`, `onnx/model.onnx` with int64 inputs
   * and, where its weights are beside it, `onnx/model.onnx_data`.
   */
  readonly transformers_model_url: string;
}

export interface BaselineResult {
  /**
   * Milliseconds of each embedding, in turn with `transformers_ms`. The host
   * tokenizes before and scales after: it adds its own time for these two,
   * which `transformers_ms` includes.
   */
  readonly pelago_ms: number[];
  readonly transformers_ms: number[];
  /** The largest difference between the two embeddings. */
  readonly max_abs_difference: number;
}

export async function baseline(
  { model }: Readonly<Record<'model', Model>>,
  { data, tensors }: Packed<BaselineData>,
  context: Context,
): Promise<BaselineResult> {
  const { text, normalize, repeat, transformers_model_url } = data;
  const { platform, options } = model.wanted;
  const ours = () => outputOf(embed.run({ model }, { data: data.embed, tensors }, context), async () => undefined);
  const { env, pipeline } = await transformers();
  env.localModelPath = '';
  const device = platform === 'webnn' ? `webnn-${options.webnn_device_type ?? 'cpu'}` : platform;
  const extract = await pipeline('feature-extraction', `.${transformers_model_url}`.replace(/\/$/, ''), {
    device: device as 'wasm',
    dtype: 'fp32',
    use_external_data_format: await exists(`${transformers_model_url}onnx/model.onnx_data`),
  }).catch((error: unknown) => {
    // The state of the runtime is unknown after a session that could not be built, as in `build.ts`.
    throw faultOf(error, 'building the pipeline of transformers.js', 'execution_failed', true);
  });
  try {
    const first = await ours();
    const pooling = first.data.pooling;
    if (pooling !== 'mean' && pooling !== 'cls')
      throw new PageFault('bad_request', `transformers.js pools by mean or cls, this model by ${pooling}.`);
    const extraction = { pooling, normalize } as const;
    const theirs = await extract(text, extraction);
    const vector = new Float32Array((first.tensors[0] as { bytes: Uint8Array<ArrayBuffer> }).bytes.buffer);
    const length = normalize ? Math.hypot(...vector) : 1;
    let difference = 0;
    vector.forEach((value, i) => {
      difference = Math.max(difference, Math.abs(value / length - Number(theirs.data[i])));
    });
    const pelago_ms: number[] = [];
    const transformers_ms: number[] = [];
    for (let i = 0; i < repeat; i++) {
      const start = performance.now();
      await ours();
      const middle = performance.now();
      await extract(text, extraction);
      pelago_ms.push(middle - start);
      transformers_ms.push(performance.now() - middle);
    }
    return { pelago_ms, transformers_ms, max_abs_difference: difference };
  } finally {
    await extract.dispose();
  }
}

/** Whether the server has a file. */
export async function exists(url: string): Promise<boolean> {
  const response = await fetch(url, { headers: { Range: 'bytes=0-0' } });
  await response.body?.cancel();
  return response.ok;
}
