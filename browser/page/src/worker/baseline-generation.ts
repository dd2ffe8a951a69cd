/**
 * Text that transformers.js makes by itself, which `make bench` compares with `generate`: all ways continue the same
 * prompt in the same page on the same runtime, in turns. No session of a user comes here, and no task depends on it.
 */

import { PageFault, faultOf } from '../errors.js';
import type { GenerateData } from '../protocol.js';
import { elements } from '../runtime/tensors.js';
import { transformers } from '../runtime/transformers.js';
import type { Model } from '../sessions/model.js';
import { generate } from '../tasks/generate.js';
import { type Context, type Packed, outputOf } from '../tasks/task.js';
import { exists } from './baseline.js';

/** `captured` and `plain` are Pelago's: with the work for a token recorded and replayed, and without. */
export type Way = 'captured' | 'plain' | 'transformers';

/** The message's tensors are those of `generate`. */
export interface BaselineGenerationData {
  /** One prompt, of whose tokens the most likely follows. Whether runs are recorded, `ways` say. */
  readonly generate: GenerateData;
  readonly ways: readonly Way[];
  /** Turns that are measured; one before them is not. */
  readonly repeat: number;
  /**
   * A folder in the layout of transformers.js, from the root, with the slash at its end: `config.json`,
   * `onnx/model.onnx` and, where its weights are beside it, `onnx/model.onnx_data`.
   */
  readonly transformers_model_url: string;
}

/** What one way took, turn by turn. */
export interface WayResult {
  readonly way: Way;
  /** Milliseconds from the prompt to the first token. */
  readonly first_ms: number[];
  /** Milliseconds of a token after the first: the mean of the turn. */
  readonly token_ms: number[];
  /** The tokens of the last turn. */
  readonly ids: number[];
  /** Whether the last turn's work was recorded and replayed. */
  readonly captured: boolean;
}

export interface BaselineGenerationResult {
  readonly ways: WayResult[];
}

/** One answer: when each of its tokens was there, from the prompt on, and which they are. */
interface Answer {
  readonly times: readonly number[];
  readonly ids: readonly number[];
  readonly captured: boolean;
}

export async function baselineGeneration(
  { model }: Readonly<Record<'model', Model>>,
  { data, tensors }: Packed<BaselineGenerationData>,
  context: Context,
): Promise<BaselineGenerationResult> {
  const { ways, repeat, transformers_model_url } = data;
  const models = { model } as Parameters<typeof generate.run>[0];
  const ours = async (capture: boolean): Promise<Answer> => {
    const start = performance.now();
    const times: number[] = [];
    const steps = generate.run(models, { data: { ...data.generate, capture }, tensors }, context);
    const { rows, captured } = (await outputOf(steps, async () => void times.push(performance.now() - start))).data;
    return { times, ids: rows[0]?.ids ?? [], captured };
  };
  const theirs = ways.includes('transformers') ? await open(model, transformers_model_url) : null;
  const [prompt] = tensors;
  const answers: Record<Way, () => Promise<Answer>> = {
    captured: () => ours(true),
    plain: () => ours(false),
    transformers: () => {
      if (theirs === null || prompt === undefined) throw new PageFault('bad_request', 'Expected a prompt, found none.');
      return theirs.answer(elements(prompt) as Int32Array, data.generate.max_new_tokens);
    },
  };
  try {
    const results = ways.map((way): WayResult & { ids: number[]; captured: boolean } => ({ way, first_ms: [], token_ms: [], ids: [], captured: false }));
    for (let turn = 0; turn <= repeat; turn++)
      for (const result of results) {
        const { times, ids, captured } = await answers[result.way]();
        if (turn === 0) continue;
        const [first, last] = [times[0] as number, times.at(-1) as number];
        result.first_ms.push(first);
        result.token_ms.push((last - first) / (times.length - 1));
        result.ids = [...ids];
        result.captured = captured;
      }
    return { ways: results };
  } finally {
    await theirs?.dispose();
  }
}

/** The model as transformers.js runs it. */
async function open(model: Model, url: string): Promise<{ answer(prompt: Int32Array, tokens: number): Promise<Answer>; dispose(): Promise<unknown> }> {
  const { env, AutoModelForCausalLM, BaseStreamer, Tensor } = await transformers();
  env.localModelPath = '';
  const causal = await AutoModelForCausalLM.from_pretrained(`.${url}`.replace(/\/$/, ''), {
    device: model.wanted.platform as 'wasm',
    dtype: 'fp32',
    use_external_data_format: await exists(`${url}onnx/model.onnx_data`),
  }).catch((error: unknown) => {
    // The state of the runtime is unknown after a session that could not be built, as in `build.ts`.
    throw faultOf(error, 'building the model of transformers.js', 'execution_failed', true);
  });
  /** Notes when tokens come. The prompt is the first that comes. */
  class Clock extends BaseStreamer {
    readonly times: number[] = [];
    override put(): void {
      this.times.push(performance.now());
    }
    override end(): void {}
  }
  return {
    answer: async (prompt, tokens) => {
      const clock = new Clock();
      const inputs = new Tensor('int64', BigInt64Array.from(prompt, BigInt), [1, prompt.length]);
      const start = performance.now();
      const sequences = (await causal.generate({ inputs, max_new_tokens: tokens, do_sample: false, eos_token_id: null, streamer: clock } as never)) as InstanceType<typeof Tensor>;
      const times = clock.times.slice(1).map((time) => time - start);
      return { times, ids: Array.from(sequences.data as BigInt64Array, Number).slice(prompt.length), captured: false };
    },
    dispose: () => causal.dispose(),
  };
}
