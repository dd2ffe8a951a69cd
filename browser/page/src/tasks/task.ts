/**
 * What a task is: which graphs it needs, and how it gets from the data and the
 * tensors of a request to those of its answer. Knows neither the socket nor the
 * threads of the page, so a task can be run from anywhere.
 */

import type { Known } from '../link/fields.js';
import type { Tensor } from '../link/frame.js';
import type { EmbedData, GeneratePart, Graph, Progress } from '../protocol.js';
import type { Model } from '../sessions/model.js';

/** The fields of a graph. */
const GRAPH: Known<Graph> = {
  cid: true,
  url: true,
  size: true,
  external_data: { location: true, url: true, size: true },
  facts: { inputs: { name: true, shape: true }, integer_nodes: true, other_nodes: true },
};

/** The fields of the graphs of a request, by role. */
export const GRAPHS: Known<EmbedData['graphs']> = {
  model: GRAPH,
  encoder: GRAPH,
  cross: GRAPH,
  decoder: GRAPH,
  vision_encoder: GRAPH,
  embed_tokens: GRAPH,
};

/** Data with the tensors that belong to it: what a request brings, and what an answer brings back. */
export interface Packed<T> {
  readonly data: T;
  readonly tensors: readonly Tensor[];
}

/** What a run of a task is given beside its models and its input. */
export interface Context {
  /** Aborted when the request is cancelled. */
  readonly signal: AbortSignal;
  /** Aborted when what the task has given by then is enough: it ends with that. Never before its first part. */
  readonly enough: AbortSignal;
  /** Tells the host how far the task is. The host may drop it. */
  progress(progress: Progress): void;
}

/** What a task gives before its output. Parts are ordered, and each waits until the host has room for it. */
export type Part = GeneratePart;

/**
 * A task. `In` and `Out` are the data of its request and of its answer. `Role`
 * names its graphs: most tasks have one, `model`; others have an `encoder` and a
 * `decoder`.
 */
export interface Task<In, Out, Role extends string = 'model'> {
  /** The fields that the data of a request may have. A request with another one is refused. */
  readonly fields: Known<In>;
  /**
   * The graphs of a request, by role. What the host sent is not checked yet: a graph may be missing. A role that is
   * not among them is not needed, and has no model then.
   */
  graphs(data: In): Readonly<Partial<Record<Role, Graph | undefined>>>;
  /**
   * Runs the task on its models, which load their sessions when they are asked
   * to. Yields parts, and returns the output. Whoever runs it takes one part at a
   * time, so the task waits while the host cannot take more. The output has all that
   * the parts have: a host that wants none of them misses nothing.
   */
  run(models: Readonly<Record<Role, Model>>, input: Packed<In>, context: Context): AsyncGenerator<Part, Packed<Out>>;
}

/** Runs a task to its end. It goes on after a part when `take` has taken that. */
export async function outputOf<Out>(steps: AsyncGenerator<Part, Out>, take: (part: Part) => Promise<void>): Promise<Out> {
  for (;;) {
    const step = await steps.next();
    if (step.done) return step.value;
    await take(step.value);
  }
}
