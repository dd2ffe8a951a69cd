/** The files of a graph: fetches them, reads of the graph what the page needs, and keeps small graphs. Knows no sessions. */

import { fetchBytes } from './fetch.js';
import { Lru } from './lru.js';
import { type OnnxGraph, readOnnx } from './onnx.js';
import type { Wanted } from './wanted.js';

/**
 * Graphs by CID. They are kept, so that another shape or platform need not fetch
 * and read them again. `bytes` is `null` where there are too many to be kept.
 */
const graphs = new Lru<{ readonly graph: OnnxGraph; readonly bytes: Uint8Array | null }>();
const GRAPHS_KEPT = 4;
/** A graph with its weights inside is usually larger than this. Its bytes are not kept: one copy of the weights is enough. */
const GRAPH_BYTES_KEPT = 4 << 20;

/** The graph of a request, fetched and read once. */
export async function graphOf(wanted: Wanted): Promise<OnnxGraph> {
  return (graphs.use(wanted.graph.cid) ?? (await fileOf(wanted))).graph;
}

/** The graph of a request with its bytes. They are fetched again where they were not kept. */
export async function fileOf({ graph, signal, progress }: Wanted): Promise<{ graph: OnnxGraph; bytes: Uint8Array }> {
  const known = graphs.use(graph.cid);
  if (known?.bytes) return { graph: known.graph, bytes: known.bytes };
  const bytes = await fetchBytes(graph.url, graph.size, { signal, progress: reporter(progress, graph.url) });
  const read = known?.graph ?? readOnnx(bytes, graph.url);
  graphs.add(graph.cid, { graph: read, bytes: graph.size <= GRAPH_BYTES_KEPT ? bytes : null });
  graphs.take(GRAPHS_KEPT, () => true);
  return { graph: read, bytes };
}

/** A file of weights as onnxruntime takes it. `path` is the name that the graph has for it. */
export interface Weights {
  readonly path: string;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** The weights that are stored beside the graph of a request. They are not kept: the session has its own copy. */
export async function weightsOf({ graph, signal, progress }: Wanted): Promise<Weights[]> {
  const weights: Weights[] = [];
  for (const { location, url, size } of graph.external_data)
    weights.push({ path: location, data: await fetchBytes(url, size, { signal, progress: reporter(progress, url) }) });
  return weights;
}

/** Reports progress at most every 50 ms, and at the end. */
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
