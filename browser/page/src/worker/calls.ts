/**
 * Everything that the executor answers: the tasks, and what the host asks of the
 * page itself. The table is the one source of the types: `Call` ties what goes in
 * to what comes out, by the type of the request.
 */

import { capabilities } from '../facts/capabilities.js';
import type { Known } from '../link/fields.js';
import type { Capabilities, Dispose, DisposeResult } from '../protocol.js';
import { dispose } from '../sessions/sessions.js';
import { TASKS } from '../tasks/index.js';
import type { Task } from '../tasks/task.js';
import type { BaselineGenerationData, BaselineGenerationResult } from './baseline-generation.js';
import type { BaselineData, BaselineResult } from './baseline.js';

/** A call that is about no graph. */
const plain = <In, Out>(fields: Known<In>, answer: (data: In) => Promise<Out>): Task<In, Out, never> => ({
  fields,
  graphs: () => ({}),
  async *run(_models, { data }) {
    return { data: await answer(data), tensors: [] };
  },
});

/** Loaded when it is asked for: transformers.js comes with it. */
const baseline: Task<BaselineData, BaselineResult> = {
  fields: { embed: TASKS.embed.fields, text: true, normalize: true, repeat: true, transformers_model_url: true },
  graphs: ({ embed }) => ({ model: embed?.graphs?.model }),
  async *run(models, input, context) {
    return { data: await (await import('./baseline.js')).baseline(models, input, context), tensors: [] };
  },
};

/** As `baseline`. */
const baselineGeneration: Task<BaselineGenerationData, BaselineGenerationResult> = {
  fields: { generate: TASKS.generate.fields, ways: true, repeat: true, transformers_model_url: true },
  graphs: ({ generate }) => ({ model: generate?.graphs?.model }),
  async *run(models, input, context) {
    const { baselineGeneration: measure } = await import('./baseline-generation.js');
    return { data: await measure(models, input, context), tensors: [] };
  },
};

export const CALLS = {
  ...TASKS,
  capabilities: plain<null, Capabilities>(true, capabilities),
  dispose: plain<Dispose, DisposeResult>({ graph: true, keep: true }, ({ graph, keep }) => dispose(graph, keep)),
  baseline,
  baseline_generation: baselineGeneration,
};

type Calls = typeof CALLS;

/** One member for each type of request: the data that goes in, and the data that comes out. */
export type Call = {
  [Type in keyof Calls]: Calls[Type] extends Task<infer In, infer Out, infer _Role>
    ? { readonly type: Type; readonly in: In; readonly out: Out }
    : never;
}[keyof Calls];

export type CallType = Call['type'];
export type InOf<Type extends CallType> = Extract<Call, { type: Type }>['in'];
export type OutOf<Type extends CallType> = Extract<Call, { type: Type }>['out'];

/** Whether the executor answers requests of this type. */
export const isCall = (type: string): type is CallType => Object.hasOwn(CALLS, type);
