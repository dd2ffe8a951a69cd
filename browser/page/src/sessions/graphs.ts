/** The files of a graph: fetches them, and keeps small graphs. Knows no sessions. */

import { PageFault } from '../errors.js';
import type { Graph, GraphFacts } from '../protocol.js';
import { fetchBytes } from './fetch.js';
import { Lru } from './lru.js';
import type { Wanted } from './wanted.js';

/** Graphs by CID. They are kept, so that another shape or platform need not fetch them again. */
const graphs = new Lru<Uint8Array>();
const GRAPHS_KEPT = 4;
/** A graph with its weights inside is usually larger than this. It is not kept: one copy of the weights is enough. */
const GRAPH_BYTES_KEPT = 4 << 20;

/** The bytes of the graph of a request. */
export async function fileOf({ graph, signal, progress }: Wanted): Promise<Uint8Array> {
  const known = graphs.use(graph.cid);
  if (known) return known;
  const bytes = await fetchBytes(graph.url, graph.size, { signal, progress: reporter(progress, graph.url) });
  if (graph.size > GRAPH_BYTES_KEPT) return bytes;
  graphs.add(graph.cid, bytes);
  graphs.take(GRAPHS_KEPT, () => true);
  return bytes;
}

/** What graphs declare, by CID. The host need not send it again. */
const declared = new Lru<GraphFacts>();
const DECLARED_KEPT = 64;

/** What a graph declares, as the host read it. */
export function factsOf({ cid, url, facts }: Graph): GraphFacts {
  const known = facts ?? declared.use(cid);
  if (known === undefined)
    throw new PageFault('graph_unknown', `Expected what the graph ${url} declares, found nothing.`);
  if (facts !== null) {
    declared.add(cid, facts);
    declared.take(DECLARED_KEPT, () => true);
  }
  return known;
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
