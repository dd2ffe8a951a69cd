/**
 * `embed`: token ids to one vector a text. Cuts the texts into runs, runs them,
 * and pools as the host says. Knows no tokenizer and nothing of what the host
 * does with the vectors.
 */

import { PageFault } from '../errors.js';
import type { EmbedData, EmbedResult } from '../protocol.js';
import type { ort } from '../runtime/onnxruntime.js';
import type { Model } from '../sessions/model.js';
import type { Held } from '../sessions/sessions.js';
import { GRAPHS, type Task } from './task.js';
import { type Run, type Shapes, plan } from './text/buckets.js';
import { feedsFor, fixedTo } from './text/inputs.js';
import { chooseOutput } from './text/outputs.js';
import { type Text, checkLengths, textsOf } from './text/texts.js';
import { Vectors } from './text/vectors.js';

/** The session for runs of this shape. Where shapes are open, one session has all of them. */
async function sessionFor(model: Model, { batch, length }: Run): Promise<Held> {
  return model.session(model.fixesShapes ? fixedTo(model.inputs, batch, length) : null);
}

/** The shapes that runs may have, as platform, model and graph leave them open. */
function shapesOf(model: Model, limit: number): Shapes {
  const [batch, length] = model.inputs.find(({ name }) => name === 'input_ids')?.shape ?? [];
  const fixed = (size: number | string | undefined): number | null => (typeof size === 'number' ? size : null);
  return { buckets: model.fixesShapes, limit, batch: fixed(batch), length: fixed(length) };
}

export const embed: Task<EmbedData, EmbedResult> = {
  fields: {
    graphs: GRAPHS,
    lengths: true,
    pad_id: true,
    pad_left: true,
    max_tokens: true,
    pooling: true,
    unpooled: true,
    task_id: true,
  },

  graphs: ({ graphs }) => ({ model: graphs?.model }),

  async *run({ model }, { data, tensors }, { signal, progress }) {
    const texts = textsOf(data, tensors);
    const limit = data.max_tokens ?? Infinity;
    checkLengths(data, limit);
    const shapes = shapesOf(model, limit);
    checkLengths(data, shapes.length ?? limit);
    const runs = plan(data.lengths, shapes);
    const vectors = new Vectors(data, texts);
    let runMs = 0;
    let poolMs = 0;
    let done = 0;
    for (const one of runs) {
      if (signal.aborted) throw new PageFault('cancelled', `The request was cancelled after ${done} of ${texts.length} texts.`);
      const held = await sessionFor(model, one);
      const began = performance.now();
      const output = chooseOutput(held.session.outputMetadata, data.unpooled > 0);
      const feeds = feedsFor(held.session.inputMetadata, {
        texts: one.rows.map((row) => texts[row] as Text),
        batch: one.batch,
        length: one.length,
        padId: data.pad_id,
        padLeft: data.pad_left,
        taskId: data.task_id,
      });
      const { outputs } = await model.run(held, feeds, [output]);
      const ran = performance.now();
      vectors.add(one, output, outputs[output] as ort.Tensor);
      runMs += ran - began;
      poolMs += performance.now() - ran;
      done += one.rows.length;
      if (runs.length > 1) progress({ phase: 'run', file: null, loaded: done, total: texts.length });
    }
    const tensor = vectors.tensor();
    const tokens = ({ batch, length }: Run): number => batch * length;
    const largest = runs.reduce((a, b) => (tokens(b) > tokens(a) ? b : a));
    const result: EmbedResult = {
      load: model.load,
      run_ms: runMs,
      pool_ms: poolMs,
      // What loading took is in `load`; this is the work that every request does.
      processing_ms: runMs + poolMs,
      padded_shape: [largest.batch, largest.length],
      padded_tokens: runs.reduce((sum, run) => sum + tokens(run), 0),
      pooling: vectors.pooledBy ?? data.pooling.join('+'),
      pooled_by_graph: vectors.pooledBy !== null,
    };
    return { data: result, tensors: [tensor] };
  },
};
