/**
 * The Worker that runs models: takes one request at a time and answers it with a
 * frame. Knows when a request is to be tried again and when this Worker must be
 * replaced, not what a request asks.
 */

import { PageFault, faultOf } from '../errors.js';
import { buffersOf, decode, encode } from '../link/frame.js';
import type { Graph, Progress } from '../protocol.js';
import { builds, bytesBeside } from '../sessions/sessions.js';
import { bytesOf } from '../sessions/wanted.js';
import type { Context, Part } from '../tasks/task.js';
import { type Found, answer, find, partsOf } from './answer.js';
import { Credit } from './credit.js';
import type { FromExecutor, Incoming, ToExecutor } from './messages.js';

interface Current {
  readonly id: number;
  readonly cancelled: AbortController;
  readonly enough: AbortController;
  readonly credit: Credit;
  /** Whether it has given a part. */
  begun: boolean;
}

let current: Current | null = null;

const post = (message: FromExecutor): void =>
  self.postMessage(message, {
    transfer: message.kind === 'again' ? [message.request.buffer, ...message.request.bodies] : buffersOf(message.packet),
  });

/** The fault of a request that ran out of memory, with what it needed and what was in its way. */
function noRoom(fault: PageFault, graphs: readonly Graph[], held: number): PageFault {
  const needed = graphs.reduce((sum, graph) => sum + bytesOf(graph), 0);
  const sizes = `it needed ${needed} bytes for a session, beside ${held} bytes of other models`;
  const tried = held > 0 ? ', which were released first' : '';
  return new PageFault(fault.code, `${fault.message.replace(/\.$/, '')} (${sizes}${tried}).`, { cause: fault.cause });
}

async function handle({ request, freed }: Incoming<'request'>): Promise<void> {
  const frame = decode(request.buffer);
  const { id, type } = frame.header;
  const running: Current = { id, cancelled: new AbortController(), enough: new AbortController(), credit: new Credit(), begun: false };
  current = running;
  const { signal } = running.cancelled;
  const enough = running.enough.signal;
  const ended = AbortSignal.any([signal, enough]);
  const tell = (type: 'progress' | 'part', data: Progress | Part): void =>
    post({ kind: 'before', packet: encode({ id, type, data }) });
  const before = builds();
  let found: Found | null = null;
  try {
    found = find(frame, request.bodies);
    const first = partsOf(frame);
    running.credit.add(first ?? 0);
    const context: Context = { signal, enough, progress: (progress) => tell('progress', progress) };
    const { data, tensors } = await answer(found, freed !== null, context, async (part) => {
      running.begun = true;
      if (first !== null && (await running.credit.take(ended))) tell('part', part);
    });
    post({ kind: 'done', packet: encode({ id, type: 'result', data }, tensors), broken: null });
  } catch (error) {
    let fault = faultOf(error, `answering ${type}`, 'internal');
    const graphs = Object.values(found?.graphs ?? {});
    if (fault.code === 'out_of_memory' && graphs.length > 0) {
      // What was built before leaves less room than there may be, even where it was
      // released: heaps do not shrink. Where nothing was, another try would end the same.
      const held = bytesBeside(new Set(graphs.map(({ cid }) => cid)));
      // Nor is it begun again once the host has parts of it.
      const again = freed === null && !running.begun && (before > 0 || builds() > graphs.length);
      if (again) return post({ kind: 'again', request, held });
      fault = noRoom(fault, graphs, freed ?? held);
    }
    post({ kind: 'done', packet: encode({ id, type: 'error', data: fault }), broken: fault.fatal ? fault.code : null });
  } finally {
    current = null;
  }
}

self.onmessage = ({ data }: MessageEvent<ToExecutor>) => {
  if (data.kind === 'request') return void handle(data);
  if (current?.id !== data.id) return;
  switch (data.kind) {
    case 'cancel':
      return current.cancelled.abort();
    case 'stop':
      return (current.begun ? current.enough : current.cancelled).abort();
    case 'credit':
      return current.credit.add(data.parts);
  }
};
