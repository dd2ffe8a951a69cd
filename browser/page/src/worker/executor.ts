/**
 * The Worker that runs models: takes one request at a time and answers it with a
 * frame. Knows when a request is to be tried again and when this Worker must be
 * replaced, not what a request asks.
 */

import { PageFault, faultOf } from '../errors.js';
import { buffersOf, decode, encode } from '../link/frame.js';
import type { Graph } from '../protocol.js';
import { builds, bytesBeside } from '../sessions/sessions.js';
import { bytesOf } from '../sessions/wanted.js';
import { type Found, answer, find } from './answer.js';
import type { FromExecutor, Incoming, ToExecutor } from './messages.js';

let current: { readonly id: number; readonly controller: AbortController } | null = null;

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
  const controller = new AbortController();
  current = { id, controller };
  const before = builds();
  let found: Found | null = null;
  try {
    found = find(frame, request.bodies);
    const { data, tensors } = await answer(found, freed !== null, {
      signal: controller.signal,
      progress: (progress) => post({ kind: 'progress', packet: encode({ id, type: 'progress', data: progress }) }),
    });
    post({ kind: 'done', packet: encode({ id, type: 'result', data }, tensors), broken: null });
  } catch (error) {
    let fault = faultOf(error, `answering ${type}`, 'internal');
    const graphs = Object.values(found?.graphs ?? {});
    if (fault.code === 'out_of_memory' && graphs.length > 0) {
      // What was built before leaves less room than there may be, even where it was
      // released: heaps do not shrink. Where nothing was, another try would end the same.
      const held = bytesBeside(new Set(graphs.map(({ cid }) => cid)));
      if (freed === null && (before > 0 || builds() > graphs.length)) return post({ kind: 'again', request, held });
      fault = noRoom(fault, graphs, freed ?? held);
    }
    post({ kind: 'done', packet: encode({ id, type: 'error', data: fault }), broken: fault.fatal ? fault.code : null });
  } finally {
    current = null;
  }
}

self.onmessage = ({ data }: MessageEvent<ToExecutor>) => {
  if (data.kind === 'request') void handle(data);
  else if (current?.id === data.id) current.controller.abort();
};
