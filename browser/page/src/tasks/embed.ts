/** Token ids to vectors: cut into runs, run, pool as the host says. */

import { type Run, type Shapes, batchFor, lengthFor, plan } from './text/buckets.js';
import { PageFault } from '../errors.js';
import type { Tensor } from '../link/frame.js';
import { graphOf } from '../sessions/graphs.js';
import { feedsFor, fixedTo } from './text/inputs.js';
import type { GraphInput } from '../sessions/onnx.js';
import { chooseOutput } from './text/outputs.js';
import type { EmbedData, EmbedResult, LoadData, LoadResult } from '../protocol.js';
import { runHeld } from './run.js';
import type { ort } from '../runtime/onnxruntime.js';
import { type Held, session } from '../sessions/sessions.js';
import { toOrt } from '../runtime/tensors.js';
import { type Text, checkLengths, textsOf } from './text/texts.js';
import { Vectors } from './text/vectors.js';
import type { Wanted } from '../sessions/wanted.js';

const fixes = ({ platform, options }: Wanted): boolean => platform === 'webnn' && options.fixed_shapes;

/** The session for runs of this shape; one session has all shapes where they are free. */
async function sessionFor(wanted: Wanted, batch: number, length: number): Promise<{ held: Held; load: LoadResult }> {
  return session(wanted, fixes(wanted) ? fixedTo((await graphOf(wanted)).inputs, batch, length) : null);
}

/** The shapes that runs may have, as platform, model and graph leave them open. */
function shapesOf(wanted: Wanted, inputs: readonly GraphInput[], limit: number): Shapes {
  const [batch, length] = inputs.find(({ name }) => name === 'input_ids')?.shape ?? [];
  const fixed = (size: number | string | undefined): number | null => (typeof size === 'number' ? size : null);
  return { buckets: fixes(wanted), limit, batch: fixed(batch), length: fixed(length) };
}

/** Makes the session ready: for one short text, where shapes are fixed and none is given. */
export async function load(wanted: Wanted, { model, shape, max_tokens }: LoadData): Promise<LoadResult> {
  if (!fixes(wanted)) return (await session(wanted, null)).load;
  const [batch, length] = shape ?? [1, 1];
  // Only texts are padded to a bucket: what other models take has the length that it has.
  const limit = model.family === 'text_embedding' ? (max_tokens ?? Infinity) : length;
  const shapes = shapesOf(wanted, (await graphOf(wanted)).inputs, limit);
  return (await sessionFor(wanted, batchFor(batch, shapes), lengthFor(length, shapes))).load;
}

/** Loads of several runs of one request, as one: what each cost, added up. */
function join(a: LoadResult | null, b: LoadResult): LoadResult {
  if (a === null) return b;
  const sum = (x: number | null, y: number | null): number | null => (x === null ? y : y === null ? x : x + y);
  return {
    session: a.session,
    warm: a.warm && b.warm,
    fetch_ms: sum(a.fetch_ms, b.fetch_ms),
    compile_ms: sum(a.compile_ms, b.compile_ms),
    first_run_ms: sum(a.first_run_ms, b.first_run_ms),
    memory_usage_mb: b.memory_usage_mb,
    held: b.held,
  };
}

export async function embed(
  wanted: Wanted,
  request: EmbedData,
  tensors: readonly Tensor[],
): Promise<{ data: EmbedResult; tensors: Tensor[] }> {
  const texts = textsOf(request, tensors);
  const limit = request.max_tokens ?? Infinity;
  checkLengths(request, limit);
  const free = fixes(wanted) ? null : await session(wanted, null);
  const inputs = free?.held.session.inputMetadata.filter((input) => input.isTensor) ?? (await graphOf(wanted)).inputs;
  const shapes = shapesOf(wanted, inputs, limit);
  checkLengths(request, shapes.length ?? limit);
  const runs = plan(request.lengths, shapes);
  const vectors = new Vectors(request, texts);
  let loaded: LoadResult | null = free?.load ?? null;
  let runMs = 0;
  let poolMs = 0;
  let done = 0;
  for (const one of runs) {
    if (wanted.signal.aborted) throw new PageFault('cancelled', `The request was cancelled after ${done} of ${texts.length} texts.`);
    const { held, load: made } = await sessionFor(wanted, one.batch, one.length);
    const first = !held.ran;
    const began = performance.now();
    const output = chooseOutput(held.session.outputMetadata, request.unpooled > 0);
    const feeds = feedsFor(held.session.inputMetadata, {
      texts: one.rows.map((row) => texts[row] as Text),
      batch: one.batch,
      length: one.length,
      padId: request.pad_id,
      padLeft: request.pad_left,
      taskId: request.task_id,
    });
    const results = await runHeld(held, Object.fromEntries(feeds.map((tensor) => [tensor.name, toOrt(tensor)])), [output]);
    const ran = performance.now();
    vectors.add(one, output, results[output] as ort.Tensor);
    runMs += ran - began;
    poolMs += performance.now() - ran;
    loaded = join(loaded, first ? { ...made, first_run_ms: ran - began } : made);
    done += one.rows.length;
    if (runs.length > 1) wanted.progress({ phase: 'run', file: null, loaded: done, total: texts.length });
  }
  const tensor = vectors.tensor();
  const tokens = ({ batch, length }: Run): number => batch * length;
  const largest = runs.reduce((a, b) => (tokens(b) > tokens(a) ? b : a));
  const data: EmbedResult = {
    load: loaded as LoadResult,
    run_ms: runMs,
    pool_ms: poolMs,
    // What loading took is in `load`; this is the work that every request does.
    processing_ms: runMs + poolMs,
    padded_shape: [largest.batch, largest.length],
    padded_tokens: runs.reduce((sum, run) => sum + tokens(run), 0),
    pooling: vectors.pooledBy ?? request.pooling.join('+'),
    pooled_by_graph: vectors.pooledBy !== null,
  };
  return { data, tensors: [tensor] };
}
