/**
 * One graph of a request, as a task sees it: sessions for the shapes that the
 * task runs, runs of them, and what loading them cost. Knows no task.
 */

import { faultOf } from '../errors.js';
import { orLost } from '../facts/devices.js';
import type { Tensor } from '../link/frame.js';
import type { GraphInput, LoadResult } from '../protocol.js';
import { capture } from '../runtime/console.js';
import type { ort } from '../runtime/onnxruntime.js';
import { toOrt } from '../runtime/tensors.js';
import { factsOf } from './graphs.js';
import { type Fixed, type Held, type Ways, fit, release, session } from './sessions.js';
import type { Wanted } from './wanted.js';

/** What one run gave. */
export interface Ran {
  readonly outputs: ort.InferenceSession.OnnxValueMapType;
  /** Milliseconds of the graph. */
  readonly ms: number;
  /** Whether a recording was replayed. */
  readonly replayed: boolean;
}

/** What onnxruntime prints when it replays a recording (`InferenceSession::Run`, version 1.30). */
const REPLAYED = /Replaying the captured .* graph/i;

type Feeds = ort.InferenceSession.FeedsType;
type Fetches = ort.InferenceSession.NullableOnnxValueMapType;

export class Model {
  private loaded: LoadResult | null = null;

  constructor(readonly wanted: Wanted) {}

  /** Whether the platform compiles a graph for one shape: then every shape needs a session of its own. */
  get fixesShapes(): boolean {
    const { platform, options } = this.wanted;
    return platform === 'webnn' && options.fixed_shapes;
  }

  /** The inputs of the graph as its file declares them. They are known before there is a session. */
  get inputs(): readonly GraphInput[] {
    return factsOf(this.wanted.graph).inputs;
  }

  /** The session whose open dimensions are fixed to these sizes; `null` leaves them open. It is built where it is not held. */
  async session(fixed: Fixed | null, { records = false, kept = [] }: Partial<Ways> = {}): Promise<Held> {
    const { held, load } = await session(this.wanted, fixed, { records, kept });
    this.loaded = this.loaded === null ? load : joined(this.loaded, load);
    return held;
  }

  /** Runs a session of this model. */
  async run(held: Held, tensors: readonly Tensor[], outputs: readonly string[]): Promise<Ran> {
    const feeds = Object.fromEntries(tensors.map((tensor) => [tensor.name, toOrt(tensor)]));
    return this.step(held, feeds, Object.fromEntries(outputs.map((name) => [name, null])));
  }

  /**
   * Runs a session of this model on tensors that may stay where they are from run to run, in the heap or on a device.
   * `fetches` are the outputs that are wanted, each with the tensor that it is to be written to; `null` has onnxruntime
   * make one. A session that failed is released: the failure may have left it broken.
   */
  async step(held: Held, feeds: Feeds, fetches: Fetches, options: ort.InferenceSession.RunOptions = {}): Promise<Ran> {
    const doing = `running the graph on ${held.platform}`;
    held.busy = true;
    const start = performance.now();
    try {
      const work = (): ReturnType<typeof held.session.run> => orLost(held.platform, held.session.run(feeds, fetches, options));
      const { result, lines } = held.notRecorded === null ? await capture(work) : { result: await work(), lines: [] };
      const ms = performance.now() - start;
      if (!held.ran) this.loaded = { ...this.load, first_run_ms: sum(this.load.first_run_ms, ms) };
      held.ran = true;
      return { outputs: result, ms, replayed: lines.some((line) => REPLAYED.test(line)) };
    } catch (error) {
      const fault = faultOf(error, doing);
      if (fault.fatal) throw fault;
      await release(held).catch(() => {
        throw faultOf(error, doing, 'execution_failed', true);
      });
      throw fault;
    } finally {
      held.busy = false;
    }
  }

  /** Has other sessions released where there is no room for what a session of this model has recorded. */
  async fit(held: Held): Promise<void> {
    this.loaded = { ...this.load, held: await fit(held, this.wanted.options.memory_budget) };
  }

  /** Releases a session of this model. */
  async release(held: Held): Promise<void> {
    await release(held);
  }

  /** How the sessions that the request used came to be, as one: what each cost, added up. */
  get load(): LoadResult {
    if (this.loaded === null) throw new Error('a model was not loaded before its load was asked for');
    return this.loaded;
  }
}

const sum = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : a + b);

function joined(a: LoadResult, b: LoadResult): LoadResult {
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
