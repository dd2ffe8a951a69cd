/**
 * The sessions of onnxruntime that the page holds: built once for a graph, a
 * platform and, where the platform fixes them, shapes; proven to run where they
 * were asked to; let go of when the host says so.
 */

import type { InferenceSession } from 'onnxruntime-web';
import { CapturedError, capture } from './console.js';
import { PageFault, faultOf, textOf } from './errors.js';
import { fetchBytes } from './fetch.js';
import { Lru } from './lru.js';
import { type OnnxGraph, readOnnx } from './onnx.js';
import { CPU, PROVIDERS, actualProvider, judge, parsePlacement } from './placement.js';
import type { DisposeResult, ExecutionOptions, Graph, LoadResult, Placement, Platform, Progress, SessionFacts } from './protocol.js';
import { build, heapBytes, ort, started, threads } from './runtime.js';
import { type MlContext, createContext } from './webnn.js';

export type FixedPlatform = Exclude<Platform, 'auto'>;

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
/** Graph files by CID: kept, so that another bucket or platform need not fetch and read them again. */
const graphs = new Lru<{ readonly graph: OnnxGraph; readonly bytes: Uint8Array }>();
const GRAPHS_KEPT = 4;
/** A graph that holds its weights is larger than this and is not kept: one copy of the weights is enough. */
const GRAPH_BYTES_KEPT = 4 << 20;

const contexts = new Map<string, MlContext>();

/** Rejects when a device that sessions run on is lost: a run may then never end by itself. */
let deviceLost: Promise<never> | null = null;

function watch(lost: Promise<{ message?: string }>, what: string): void {
  deviceLost = lost.then(({ message }) => {
    throw new PageFault('device_lost', `The ${what} was lost${message ? `: ${message}` : ''}.`);
  });
  deviceLost.catch(() => undefined);
}

/** Waits for work of onnxruntime, or for the loss of the device that does it. */
export function orLost<T>(work: Promise<T>): Promise<T> {
  return deviceLost === null ? work : Promise.race([work, deviceLost]);
}

/** The graph of a request, fetched and read once. */
export async function graphOf({ graph, signal, progress }: Wanted): Promise<{ graph: OnnxGraph; bytes: Uint8Array }> {
  const known = graphs.use(graph.cid);
  if (known) return known;
  const bytes = await fetchBytes(graph.url, graph.size, { signal, progress: reporter(progress, graph.url) });
  const read = { graph: readOnnx(bytes, graph.url), bytes };
  if (graph.size <= GRAPH_BYTES_KEPT) {
    graphs.add(graph.cid, read);
    graphs.take(GRAPHS_KEPT, () => true);
  }
  return read;
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
  const { graph: read, bytes } = await graphOf(wanted);
  const provider = await unlessUnavailable(platform, options);
  const externalData: Array<{ path: string; data: Uint8Array<ArrayBuffer> }> = [];
  for (const { location, url, size } of graph.external_data) {
    const progress = reporter(wanted.progress, url);
    externalData.push({ path: location, data: await fetchBytes(url, size, { signal: wanted.signal, progress }) });
  }
  await started;
  const fetched = performance.now();
  wanted.progress({ phase: 'compile', file: null, loaded: 0, total: null });
  const { session, placement, actual } = await create(wanted, bytes, read, provider, externalData, fixed);
  const facts: SessionFacts = {
    execution_provider: actual,
    placement,
    threads,
    build,
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

/** Memory of the runtime in MiB: where every weight and activation of wasm lies. */
function memory(): number | null {
  const bytes = heapBytes();
  return bytes === 0 ? null : bytes / 2 ** 20;
}

interface Provider {
  readonly config: InferenceSession.ExecutionProviderConfig;
  readonly deviceType: string | null;
  readonly context: MlContext | null;
}

/**
 * The provider for a platform, after asking the browser itself: onnxruntime
 * drops a provider that is not there with no more than a warning. `null` where
 * it is not there and the host allows wasm instead.
 */
async function unlessUnavailable(platform: FixedPlatform, options: ExecutionOptions): Promise<Provider | null> {
  try {
    switch (platform) {
      case 'wasm':
        return { config: 'wasm', deviceType: null, context: null };
      case 'webgpu': {
        const gpu = navigator.gpu as GPU | undefined;
        if (gpu === undefined) throw new Error('it has no navigator.gpu');
        if ((await gpu.requestAdapter({ powerPreference: 'high-performance' })) === null)
          throw new Error('requestAdapter gave no adapter');
        return { config: 'webgpu', deviceType: null, context: null };
      }
      case 'webnn': {
        const deviceType = options.webnn_device_type;
        const name = deviceType ?? '';
        let context = contexts.get(name);
        if (context === undefined) {
          context = await createContext(deviceType);
          contexts.set(name, context);
          if (context.lost) watch(context.lost, 'WebNN context');
        }
        // onnxruntime wants a device type with a context; its own default is `cpu`.
        const config = { name: 'webnn', context, deviceType: deviceType ?? 'cpu' };
        return { config: config as unknown as InferenceSession.ExecutionProviderConfig, deviceType, context };
      }
    }
  } catch (error) {
    if (options.allow_fallback) return null;
    throw new PageFault('platform_unavailable', `This browser does not run ${platform}: ${textOf(error)}`, { cause: error });
  }
}

async function create(
  wanted: Wanted,
  bytes: Uint8Array,
  graph: OnnxGraph,
  provider: Provider | null,
  externalData: ReadonlyArray<{ path: string; data: Uint8Array<ArrayBuffer> }>,
  fixed: Fixed | null,
): Promise<{ session: InferenceSession; placement: Placement; actual: string }> {
  const { platform, options } = wanted;
  const settings: InferenceSession.SessionOptions = {
    executionProviders: [provider?.config ?? 'wasm'],
    // Only at this level does onnxruntime print where it placed the nodes.
    logSeverityLevel: 0,
    ...(externalData.length > 0 ? { externalData: [...externalData] } : {}),
    ...(fixed ? { freeDimensionOverrides: fixed.overrides } : {}),
  };
  let made: { result: InferenceSession; lines: string[] };
  try {
    made = await capture(() => orLost(ort.InferenceSession.create(bytes, settings)));
  } catch (error) {
    throw faultOf(error instanceof CapturedError ? error.original : error, `building the session for ${platform}`);
  } finally {
    // onnxruntime has its own copy, on the device or in its heap. Ours is given
    // back at once: an idle Worker may not collect garbage for minutes.
    for (const { data } of externalData) data.buffer.transfer(0);
  }
  const { result: session, lines } = made;
  const asked = PROVIDERS[platform];
  try {
    const log = parsePlacement(lines);
    if (log === null)
      throw new PageFault('internal', 'Expected onnxruntime to say where it placed the nodes, found no such line.', {
        help: 'This version of onnxruntime-web is not the one that Pelago was built for: run `npm ci` and build again.',
      });
    const placement = judge(log, asked, graph, lines);
    refuseFallback(placement, platform, options);
    if (platform === 'webgpu' && provider !== null) await watchGpu();
    return { session, placement, actual: actualProvider(log, placement, asked) };
  } catch (error) {
    await session.release();
    throw error;
  }
}

let watchedGpu = false;
async function watchGpu(): Promise<void> {
  if (watchedGpu) return;
  watchedGpu = true;
  watch(((await ort.env.webgpu.device) as GPUDevice).lost, 'WebGPU device');
}

function refuseFallback(placement: Placement, platform: FixedPlatform, options: ExecutionOptions): void {
  if (options.allow_fallback || placement.fallback_operators.length === 0) return;
  const elsewhere = placement.nodes_total - placement.nodes_on_provider - placement.nodes_shape_arithmetic;
  throw new PageFault(
    'fallback_refused',
    `Expected all ${placement.nodes_total} nodes on ${PROVIDERS[platform]}, found ${elsewhere} on ${CPU}: ` +
      `${placement.fallback_operators.join(', ')}.`,
  );
}

/** Lets go of the sessions of one graph, or of all, but for the most recently used. */
export async function dispose(graph: string | null, keep: number): Promise<DisposeResult> {
  const taken = held.take(keep, ({ cid }) => graph === null || cid === graph);
  for (const { session } of taken) await session.release();
  return { disposed: taken.length, held: held.size };
}

/** A session that failed in a way that may have left it broken is not used again. */
export async function drop(broken: Held): Promise<void> {
  held.delete(broken.key);
  await broken.session.release().catch(() => undefined);
}
