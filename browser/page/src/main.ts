/**
 * The page: joins the socket to the executor, and answers what must not wait for
 * a running model. Knows no model and no onnxruntime.
 */

import { PageFault, faultOf } from './errors.js';
import { type Frame, decode, echo, encode } from './link/frame.js';
import { Link } from './link/link.js';
import { type Cancel, type Hello, PROTOCOL_VERSION } from './protocol.js';
import { status } from './status.js';
import { ExecutorHost } from './worker/executor-host.js';
import { RequestQueue } from './worker/queue.js';
import { threadsFor } from './worker/threads.js';

interface Request {
  readonly id: number;
  readonly frame: Frame;
}

/** What this thread answers. Every other request is for the executor, whose calls are in `worker/calls.ts`. */
type Immediate =
  /** Answered by `pong`. */
  | { readonly type: 'ping' }
  /** Answered by a `result` with the same tensors. */
  | { readonly type: 'echo' }
  /** Not answered: the request that it ends is. */
  | { readonly type: 'cancel'; readonly data: Partial<Cancel> | null };

const token = new URLSearchParams(location.search).get('token');
const pageId = crypto.randomUUID();

function start(token: string): void {
  const link = new Link(`ws://${location.host}/link?token=${encodeURIComponent(token)}`, {
    open() {
      const data: Hello = { protocol_version: PROTOCOL_VERSION, user_agent: navigator.userAgent, page_id: pageId };
      link.send(encode({ id: 0, type: 'hello', data }));
      status('connected. Models run here until the session closes this page.');
    },
    message: receive,
    status,
  });
  const fail = (id: number, fault: PageFault): void => link.send(encode({ id, type: 'error', data: fault }));

  const executor = new ExecutorHost(
    {
      frame: (buffer) => link.send(buffer),
      done: (id) => queue.finish(id),
      status,
    },
    crossOriginIsolated ? navigator.hardwareConcurrency : 1,
  );
  const queue = new RequestQueue<Request>(({ id, frame: { header, buffer } }) => {
    executor.run({ id, buffer }, threadsFor(header));
  });

  function receive(buffer: ArrayBuffer): void {
    let id = 0;
    try {
      const frame = decode(buffer);
      id = frame.header.id;
      dispatch(frame);
    } catch (error) {
      fail(id, faultOf(error, 'reading a message', 'internal'));
    }
  }

  function dispatch(frame: Frame): void {
    const { id } = frame.header;
    const request = frame.header as Immediate;
    switch (request.type) {
      case 'ping':
        return link.send(encode({ id, type: 'pong' }));
      case 'echo':
        return link.send(echo(frame));
      case 'cancel':
        return cancel(request.data?.target);
      default:
        return queue.push({ id, frame });
    }
  }

  function cancel(target: number | undefined): void {
    if (target === undefined) return;
    if (queue.remove(target)) fail(target, new PageFault('cancelled', `Request ${target} was cancelled before it ran.`));
    else executor.cancel(target);
  }
}

if (token === null) status('this address has no token. Open the page through a Pelago session.');
else start(token);
