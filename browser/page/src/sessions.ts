/**
 * The sessions of onnxruntime that the page holds: built once for a graph, a
 * platform and, where the platform fixes them, shapes; proven to run where they
 * were asked to; let go of when the host says so.
 */

import type { InferenceSession } from 'onnxruntime-web';
import { build, refuseFallback } from './build.js';
import { type FixedPlatform, providerFor } from './devices.js';
import { fetchBytes } from './fetch.js';
import { gpuBytes } from './gpu-memory.js';
import { Lru } from './lru.js';
import { type OnnxGraph, readOnnx } from './onnx.js';
import type { DisposeResult, ExecutionOptions, Graph, LoadResult, Progress, SessionFacts } from './protocol.js';
import { build as runtimeBuild, heapBytes, started, threads } from './runtime.js';

export interface Held {
  readonly key: string;
  readonly cid: string;
  readonly platform: FixedPlatform;
  readonly session: InferenceSession;
  readonly facts: SessionFacts;
  /** Whether a first run has readied kernels and shaders. */
  ran: boolean;
}

/** What a request needs to have a session made. */
export interface Wanted {
  readonly graph: Graph;
  readonly platform: FixedPlatform;
  readonly options: ExecutionOptions;
  readonly signal: AbortSignal;
  progress(progress: Progress): void;
}

/** Shapes to be fixed: by name of the dimension, and as the report has them. */
export interface Fixed {
  readonly overrides: Readonly<Record<string, number>>;
  readonly shape: [number, number] | null;
}

const held = new Lru<Held>();
/**
 * Graphs by CID: kept, so that another bucket or platform need not fetch and
 * read them again. `bytes` is `null` where they are too many to be kept.
 */
const graphs = new Lru<{ readonly graph: OnnxGraph; readonly bytes: Uint8Array | null }>();
const GRAPHS_KEPT = 4;
/** A graph that holds its weights is larger than this: one copy of the weights is enough. */
const GRAPH_BYTES_KEPT = 4 << 20;

/** The graph of a request, fetched and read once. */
export async function graphOf(wanted: Wanted): Promise<OnnxGraph> {
  return (graphs.use(wanted.graph.cid) ?? (await fileOf(wanted))).graph;
}

/** The graph of a request with its bytes, which are fetched again where they were not kept. */
async function fileOf({ graph, signal, progress }: Wanted): Promise<{ graph: OnnxGraph; bytes: Uint8Array }> {
  const known = graphs.use(graph.cid);
  if (known?.bytes) return { graph: known.graph, bytes: known.bytes };
  const bytes = await fetchBytes(graph.url, graph.size, { signal, progress: reporter(progress, graph.url) });
  const read = known?.graph ?? readOnnx(bytes, graph.url);
  graphs.add(graph.cid, { graph: read, bytes: graph.size <= GRAPH_BYTES_KEPT ? bytes : null });
  graphs.take(GRAPHS_KEPT, () => true);
  return { graph: read, bytes };
}

/** Progress as the host wants to see it: a few a second, and the last. */
function reporter(progress: Wanted['progress'], url: string): (loaded: number, total: number) => void {
  const file = url.slice(url.lastIndexOf('/') + 1);
  let next = 0;
  return (loaded, total) => {
    const now = performance.now();
    if (now < next && loaded < total) return;
    next = now + 50;
    progress({ phase: 'fetch', file, loaded, total });
  };
}

/** The session for these shapes, made where it is not held yet, and how it came to be. */
export async function session(wanted: Wanted, fixed: Fixed | null): Promise<{ held: Held; load: LoadResult }> {
  const { graph, platform, options } = wanted;
  const shapes = fixed ? Object.entries(fixed.overrides).sort().join() : '';
  const device = platform === 'webnn' ? (options.webnn_device_type ?? '') : '';
  const key = [graph.cid, platform, device, shapes].join('|');
  const known = held.use(key);
  if (known) {
    refuseFallback(known.facts.placement, platform, options);
    const load = { session: known.facts, warm: true, fetch_ms: null, compile_ms: null, first_run_ms: null };
    return { held: known, load: { ...load, memory_usage_mb: memory() } };
  }
  const start = performance.now();
  const { graph: read, bytes } = await fileOf(wanted);
  const provider = await providerFor(platform, options);
  const externalData: Array<{ path: string; data: Uint8Array<ArrayBuffer> }> = [];
  for (const { location, url, size } of graph.external_data) {
    const progress = reporter(wanted.progress, url);
    externalData.push({ path: location, data: await fetchBytes(url, size, { signal: wanted.signal, progress }) });
  }
  await started;
  const fetched = performance.now();
  wanted.progress({ phase: 'compile', file: null, loaded: 0, total: null });
  const dimensions = fixed?.overrides ?? {};
  const { session, placement, actual } = await build({ platform, provider, options, bytes, graph: read, externalData, dimensions });
  const facts: SessionFacts = {
    execution_provider: actual,
    placement,
    threads,
    build: runtimeBuild,
    fixed_shape: fixed?.shape ?? null,
    webnn_device_type: provider?.deviceType ?? null,
    webnn_accelerated: provider?.context?.accelerated ?? null,
  };
  const made: Held = { key, cid: graph.cid, platform, session, facts, ran: false };
  held.add(key, made);
  const load: LoadResult = {
    session: facts,
    warm: false,
    fetch_ms: fetched - start,
    compile_ms: performance.now() - fetched,
    first_run_ms: null,
    memory_usage_mb: memory(),
  };
  return { held: made, load };
}

/** Memory of the runtime in MiB: its heap, where every weight and activation of wasm lies, and buffers of the GPU. */
function memory(): number | null {
  const heap = heapBytes();
  return heap === 0 ? null : (heap + gpuBytes()) / 2 ** 20;
}

/** Lets go of the sessions of one graph, or of all, but for the most recently used. */
export async function dispose(graph: string | null, keep: number): Promise<DisposeResult> {
  const taken = held.take(keep, ({ cid }) => graph === null || cid === graph);
  for (const { session } of taken) await session.release();
  return { disposed: taken.length, held: held.size, memory_usage_mb: memory() };
}

/** A session that failed in a way that may have left it broken is not used again. */
export async function drop(broken: Held): Promise<void> {
  held.delete(broken.key);
  await broken.session.release().catch(() => undefined);
}
