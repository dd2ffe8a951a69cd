/**
 * The page: joins the socket to the executor and answers by itself what must
 * not wait for a running model (`ping`, `cancel`, `echo`).
 */

import { PageFault, faultOf } from './errors.js';
import { ExecutorHost } from './worker/executor-host.js';
import { type Frame, decode, echo, encode } from './link/frame.js';
import { Link } from './link/link.js';
import { type Cancel, type ExecutionOptions, type Hello, PROTOCOL_VERSION } from './protocol.js';
import { RequestQueue } from './worker/queue.js';
import { status } from './status.js';

interface Request {
  readonly id: number;
  readonly frame: Frame;
}

const token = new URLSearchParams(location.search).get('token');
const pageId = crypto.randomUUID();

function start(token: string): void {
  const link = new Link(`ws://${location.host}/link?token=${encodeURIComponent(token)}`, {
    open() {
      const data: Hello = { protocol_version: PROTOCOL_VERSION, user_agent: navigator.userAgent, page_id: pageId };
      link.send(encode({ id: 0, type: 'hello', data }));
      status('connected; models run here until the session closes this page.');
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
    // Only what runs a model cares how many threads the runtime has.
    const runs = header.platform !== undefined;
    const options = header.options as Partial<ExecutionOptions> | null | undefined;
    executor.run({ id, buffer }, runs ? (options?.threads ?? null) : undefined);
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
    const { id, type, data } = frame.header;
    switch (type) {
      case 'ping':
        return link.send(encode({ id, type: 'pong' }));
      case 'echo':
        return link.send(echo(frame));
      case 'cancel': {
        const { target } = (data ?? {}) as Partial<Cancel>;
        if (target === undefined) return;
        if (queue.remove(target)) fail(target, new PageFault('cancelled', `Request ${target} was cancelled before it ran.`));
        else executor.cancel(target);
        return;
      }
      default:
        return queue.push({ id, frame });
    }
  }
}

if (token === null) status('this address has no token. Open the page through a Pelago session.');
else start(token);
