/**
 * The sessions of onnxruntime that the page holds. A session is built once for a
 * graph, a platform and, where the platform fixes them, shapes. It is released when
 * the host asks for that, or when the budget has no room for another. Knows no task.
 */

import type { InferenceSession } from 'onnxruntime-web';
import { type FixedPlatform, providerFor } from '../facts/devices.js';
import { gpuBytes } from '../facts/memory.js';
import type { DisposeResult, HeldSession, LoadResult, SessionFacts } from '../protocol.js';
import { build as runtimeBuild, heapBytes, started, threads } from '../runtime/onnxruntime.js';
import { type Sized, evictions } from './budget.js';
import { build, refuseFallback, releaseSession } from './build.js';
import { factsOf, fileOf, weightsOf } from './graphs.js';
import { Lru } from './lru.js';
import { type Wanted, bytesOf } from './wanted.js';

export interface Held {
  readonly key: string;
  readonly cid: string;
  readonly platform: FixedPlatform;
  readonly session: InferenceSession;
  readonly facts: SessionFacts;
  /** Bytes of its graph and weights. */
  readonly bytes: number;
  /** Whether it runs right now. Then it is not released. */
  busy: boolean;
  /** Whether a first run has readied kernels and shaders. */
  ran: boolean;
  /** Why its runs cannot be recorded and replayed; `null` where they can. */
  readonly notRecorded: string | null;
  /** Recordings that it has made. onnxruntime keeps each as long as the session. */
  recordings: number;
  /** What the last recording works on, which must stay where it is. */
  recorded: Recorded | null;
}

/** Memory that a recorded run reads and writes. It goes with its session. */
export interface Recorded {
  readonly bytes: number;
  destroy(): void;
}

/** Sizes of dimensions that are fixed: by the dimension's name, and as the report has them. */
export interface Fixed {
  readonly overrides: Readonly<Record<string, number>>;
  readonly shape: [number, number] | null;
}

/** What a session is to do beside running its graph. Each needs a session of its own. */
export interface Ways {
  /** Whether its runs are to be recorded and replayed. */
  readonly records: boolean;
  /** Outputs that stay on the GPU. A session on another platform cannot keep any. */
  readonly kept: readonly string[];
}

const held = new Lru<Held>();
let begun = 0;

/** Builds that this Worker has begun, whether they succeeded or failed. */
export function builds(): number {
  return begun;
}

/** The sessions with the bytes that each counts for in the budget of the host, the least recently used first. */
const sized = (): Array<Sized & { readonly one: Held }> =>
  held.values().map((one) => ({ one, bytes: one.bytes + (one.recorded?.bytes ?? 0), busy: one.busy }));

/** Bytes of the sessions that the page holds, without those of these graphs. */
export function bytesBeside(cids: ReadonlySet<string>): number {
  return sized().reduce((sum, { one, bytes }) => sum + (cids.has(one.cid) ? 0 : bytes), 0);
}

/** The session for these shapes and ways, and what loading it cost. It is built where it is not held. */
export async function session(wanted: Wanted, fixed: Fixed | null, { records, kept }: Ways): Promise<{ held: Held; load: LoadResult }> {
  const { graph, platform, options } = wanted;
  const shapes = fixed ? Object.entries(fixed.overrides).sort().join() : '';
  const device = platform === 'webnn' ? (options.webnn_device_type ?? '') : '';
  const key = [graph.cid, platform, device, shapes, records ? 'records' : '', ...kept].join('|');
  const known = held.use(key);
  if (known) {
    refuseFallback(known.facts.placement, platform, options);
    return { held: known, load: loadOf(known, null) };
  }
  const start = performance.now();
  const declared = factsOf(graph);
  const bytes = await fileOf(wanted);
  const provider = await providerFor(platform, options);
  const externalData = await weightsOf(wanted);
  await started;
  const fetched = performance.now();
  wanted.progress({ phase: 'compile', file: null, loaded: 0, total: null });
  // Not before the fetch: a fetch that fails must cost no other model.
  const size = bytesOf(graph);
  for (const { one } of evictions(sized(), size, options.memory_budget)) await release(one);
  begun += 1;
  const dimensions = fixed?.overrides ?? {};
  const { session, placement, actual, notRecorded } = await build({
    platform, provider, options, bytes, facts: declared, externalData, dimensions, records, kept,
  }); // prettier-ignore
  const facts: SessionFacts = {
    execution_provider: actual,
    placement,
    threads,
    build: runtimeBuild,
    fixed_shape: fixed?.shape ?? null,
    webnn_device_type: provider?.deviceType ?? null,
    webnn_accelerated: provider?.context?.accelerated ?? null,
  };
  const made: Held = {
    key, cid: graph.cid, platform, session, facts, bytes: size, busy: false, ran: false, notRecorded, recordings: 0, recorded: null,
  }; // prettier-ignore
  held.add(key, made);
  return { held: made, load: loadOf(made, { fetch_ms: fetched - start, compile_ms: performance.now() - fetched }) };
}

/** Releases other sessions until what this one has recorded fits into the budget beside it. Gives the sessions that are left. */
export async function fit(kept: Held, budget: number | null): Promise<HeldSession[]> {
  const all = sized().map((candidate) => (candidate.one === kept ? { ...candidate, busy: true } : candidate));
  for (const { one } of evictions(all, 0, budget)) await release(one);
  return heldSessions();
}

/** What loading a session cost. `times` is `null` where it was held. */
function loadOf({ facts }: Held, times: { fetch_ms: number; compile_ms: number } | null): LoadResult {
  return {
    session: facts,
    warm: times === null,
    fetch_ms: times?.fetch_ms ?? null,
    compile_ms: times?.compile_ms ?? null,
    first_run_ms: null,
    memory_usage_mb: memory(),
    held: heldSessions(),
  };
}

function heldSessions(): HeldSession[] {
  const sessions = held.values().reverse();
  return sessions.map(({ cid, platform, bytes, facts }) => ({ graph: cid, platform, bytes, shape: facts.fixed_shape }));
}

/** Memory of the runtime in MiB: its heap, which has all weights and activations of wasm, and the buffers of the GPU. */
function memory(): number | null {
  const heap = heapBytes();
  return heap === 0 ? null : (heap + gpuBytes()) / 2 ** 20;
}

/** Releases the sessions of one graph, or of all graphs, except for the `keep` most recently used. */
export async function dispose(graph: string | null, keep: number): Promise<DisposeResult> {
  const taken = held.take(keep, ({ cid }) => graph === null || cid === graph);
  for (const one of taken) await end(one);
  return { disposed: taken.length, held: held.size, memory_usage_mb: memory() };
}

/** Releases one session: the budget has no room for it, or a failure may have left it broken. */
export async function release(one: Held): Promise<void> {
  held.delete(one.key);
  await end(one);
}

async function end({ session, recorded }: Held): Promise<void> {
  await releaseSession(session);
  recorded?.destroy();
}
