/** The Worker that runs models: takes one request at a time and answers it with a frame. */

import type { BaselineData } from './baseline.js';
import { capabilities } from '../facts/capabilities.js';
import { embed, load } from '../tasks/embed.js';
import { PageFault, faultOf } from '../errors.js';
import type { FromExecutor, ToExecutor } from './messages.js';
import { type Frame, type Tensor, decode, encode, tensorsOf } from '../link/frame.js';
import type { Dispose, EmbedData, ExecutionOptions, Graph, LoadData, ModelSource, Progress, RunData } from '../protocol.js';
import { run } from '../tasks/run.js';
import { builds, bytesBeside, dispose } from '../sessions/sessions.js';
import { type Wanted, bytesOf } from '../sessions/wanted.js';

const DEFAULTS: ExecutionOptions = {
  allow_fallback: false,
  webnn_device_type: null,
  threads: null,
  fixed_shapes: true,
  memory_budget: null,
};

let current: { readonly id: number; readonly controller: AbortController } | null = null;

const post = (message: FromExecutor): void =>
  self.postMessage(message, { transfer: [message.kind === 'again' ? message.buffer : message.frame] });

/** A request as the executor has it. */
interface Asked {
  readonly frame: Frame;
  /** Whether each of its sessions must be the only one that is held. */
  readonly alone: boolean;
  readonly signal: AbortSignal;
}

interface Answer {
  readonly data: unknown;
  readonly tensors?: readonly Tensor[];
}

function wantedBy({ frame: { header }, alone, signal }: Asked, model: ModelSource): Wanted {
  const { id, platform } = header;
  if (platform === undefined || platform === 'auto')
    throw new PageFault('bad_request', `Expected one of webgpu, webnn, wasm as platform, found ${platform ?? 'none'}.`);
  if (typeof model?.graph?.url !== 'string')
    throw new PageFault('bad_request', 'Expected data.model with a graph, found none.');
  return {
    graph: model.graph,
    platform,
    options: {
      ...DEFAULTS,
      ...(header.options as Partial<ExecutionOptions> | null),
      // A budget that nothing fits into lets go of all others.
      ...(alone ? { memory_budget: 0 } : {}),
    },
    signal,
    progress: (data: Progress) => post({ kind: 'progress', frame: encode({ id, type: 'progress', data }) }),
  };
}

async function answer(asked: Asked): Promise<Answer> {
  const { frame } = asked;
  const { type, data } = frame.header;
  if (type !== 'capabilities' && (typeof data !== 'object' || data === null))
    throw new PageFault('bad_request', `Expected the data of ${type} to be an object, found ${JSON.stringify(data)}.`);
  switch (type) {
    case 'capabilities':
      return { data: await capabilities() };
    case 'load': {
      const request = data as LoadData;
      return { data: await load(wantedBy(asked, request.model), request) };
    }
    case 'embed': {
      const request = data as EmbedData;
      return embed(wantedBy(asked, request.model), request, tensorsOf(frame));
    }
    case 'run': {
      const request = data as RunData;
      return run(wantedBy(asked, request.model), request, tensorsOf(frame));
    }
    case 'dispose': {
      const { graph, keep } = data as Dispose;
      return { data: await dispose(graph, keep) };
    }
    case 'baseline': {
      const { baseline } = await import('./baseline.js');
      const request = data as BaselineData;
      return { data: await baseline(wantedBy(asked, request.embed?.model), request, tensorsOf(frame)) };
    }
    default:
      throw new PageFault('bad_request', `This page knows no request of type ${type}.`);
  }
}

/** The graph that a request is about, where it is about one. */
function graphIn({ header }: Frame): Graph | undefined {
  const { model, embed } = (header.data ?? {}) as Partial<EmbedData & BaselineData>;
  return (model ?? embed?.model)?.graph;
}

/** The fault of a request that ran out of memory, with what it wanted and what had been in its way. */
function noRoom(fault: PageFault, graph: Graph, held: number): PageFault {
  const sizes = `wanted ${bytesOf(graph)} bytes for a session, with ${held} bytes held by other models`;
  const tried = held > 0 ? ', which were let go of first' : '';
  return new PageFault(fault.code, `${fault.message.replace(/\.$/, '')} (${sizes}${tried}).`, { cause: fault.cause });
}

async function handle(buffer: ArrayBuffer, freed: number | null): Promise<void> {
  const frame = decode(buffer);
  const { id, type } = frame.header;
  const controller = new AbortController();
  current = { id, controller };
  const before = builds();
  try {
    const { data, tensors } = await answer({ frame, alone: freed !== null, signal: controller.signal });
    post({ kind: 'done', id, frame: encode({ id, type: 'result', data }, tensors), broken: null });
  } catch (error) {
    let fault = faultOf(error, `answering ${type}`, 'internal');
    if (fault.code === 'out_of_memory') {
      // What was built before, even if it was let go of, has left less room than there
      // may be: heaps do not shrink. Where nothing was, another try would end the same.
      const graph = graphIn(frame);
      if (graph !== undefined) {
        const held = bytesBeside(graph.cid);
        if (freed === null && (before > 0 || builds() > 1)) return post({ kind: 'again', id, buffer, held });
        fault = noRoom(fault, graph, freed ?? held);
      }
    }
    post({ kind: 'done', id, frame: encode({ id, type: 'error', data: fault }), broken: fault.fatal ? fault.code : null });
  } finally {
    current = null;
  }
}

self.onmessage = ({ data }: MessageEvent<ToExecutor>) => {
  if (data.kind === 'request') void handle(data.buffer, data.freed);
  else if (current?.id === data.id) current.controller.abort();
};
