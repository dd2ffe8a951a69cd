/** The Worker that runs models: takes one request at a time and answers it with a frame. */

import type { BaselineData } from './baseline.js';
import { capabilities } from './capabilities.js';
import { embed, load } from './embed.js';
import { PageFault, faultOf } from './errors.js';
import type { FromExecutor, ToExecutor } from './executor-messages.js';
import { type Frame, type Tensor, decode, encode, tensorsOf } from './frame.js';
import type { Dispose, EmbedData, ExecutionOptions, LoadData, ModelSource, Progress, RunData } from './protocol.js';
import { run } from './run.js';
import { type Wanted, dispose } from './sessions.js';

const DEFAULTS: ExecutionOptions = {
  allow_fallback: false,
  webnn_device_type: null,
  threads: null,
  fixed_shapes: true,
};

let current: { readonly id: number; readonly controller: AbortController } | null = null;

const post = (message: FromExecutor): void => self.postMessage(message, { transfer: [message.frame] });

interface Answer {
  readonly data: unknown;
  readonly tensors?: readonly Tensor[];
}

function wantedBy({ header }: Frame, model: ModelSource, signal: AbortSignal): Wanted {
  const { id, platform } = header;
  if (platform === undefined || platform === 'auto')
    throw new PageFault('bad_request', `Expected one of webgpu, webnn, wasm as platform, found ${platform ?? 'none'}.`);
  if (typeof model?.graph?.url !== 'string')
    throw new PageFault('bad_request', 'Expected data.model with a graph, found none.');
  return {
    graph: model.graph,
    platform,
    options: { ...DEFAULTS, ...(header.options as Partial<ExecutionOptions> | null) },
    signal,
    progress: (data: Progress) => post({ kind: 'progress', frame: encode({ id, type: 'progress', data }) }),
  };
}

async function answer(frame: Frame, signal: AbortSignal): Promise<Answer> {
  const { type, data } = frame.header;
  if (type !== 'capabilities' && (typeof data !== 'object' || data === null))
    throw new PageFault('bad_request', `Expected the data of ${type} to be an object, found ${JSON.stringify(data)}.`);
  switch (type) {
    case 'capabilities':
      return { data: await capabilities() };
    case 'load': {
      const request = data as LoadData;
      return { data: await load(wantedBy(frame, request.model, signal), request) };
    }
    case 'embed': {
      const request = data as EmbedData;
      return embed(wantedBy(frame, request.model, signal), request, tensorsOf(frame));
    }
    case 'run': {
      const request = data as RunData;
      return run(wantedBy(frame, request.model, signal), request, tensorsOf(frame));
    }
    case 'dispose': {
      const { graph, keep } = data as Dispose;
      return { data: await dispose(graph, keep) };
    }
    case 'baseline': {
      const { baseline } = await import('./baseline.js');
      const request = data as BaselineData;
      return { data: await baseline(wantedBy(frame, request.embed?.model, signal), request, tensorsOf(frame)) };
    }
    default:
      throw new PageFault('bad_request', `This page knows no request of type ${type}.`);
  }
}

async function handle(buffer: ArrayBuffer): Promise<void> {
  const frame = decode(buffer);
  const { id, type } = frame.header;
  const controller = new AbortController();
  current = { id, controller };
  try {
    const { data, tensors } = await answer(frame, controller.signal);
    post({ kind: 'done', id, frame: encode({ id, type: 'result', data }, tensors), broken: null });
  } catch (error) {
    const fault = faultOf(error, `answering ${type}`, 'internal');
    post({ kind: 'done', id, frame: encode({ id, type: 'error', data: fault }), broken: fault.fatal ? fault.code : null });
  } finally {
    current = null;
  }
}

self.onmessage = ({ data }: MessageEvent<ToExecutor>) => {
  if (data.kind === 'request') void handle(data.buffer);
  else if (current?.id === data.id) current.controller.abort();
};
