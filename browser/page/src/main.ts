/**
 * The page: joins the socket to the executor, and answers what must not wait for
 * a running model. Knows no model and no onnxruntime.
 */

import { PageFault, faultOf } from './errors.js';
import { Attachments, Superseded } from './link/attachments.js';
import { type Known, checkFields } from './link/fields.js';
import { type Frame, checkHeader, decode, echo, encode } from './link/frame.js';
import { Link } from './link/link.js';
import { type Cancel, type Credit, type ExecutionOptions, type Hello, PROTOCOL_VERSION, type Stop } from './protocol.js';
import { status } from './status.js';
import { ExecutorHost } from './worker/executor-host.js';
import { RequestQueue } from './worker/queue.js';
import { threadsFor } from './worker/threads.js';

interface Request {
  readonly id: number;
  readonly frame: Frame;
  /** The bodies of its attachments, which come while it waits. */
  readonly bodies: Promise<ArrayBuffer[]>;
  /** Parts that it may send beside the first ones: the host said so while it waited. */
  credit: number;
}

/** What this thread answers. Every other request is for the executor, whose calls are in `worker/calls.ts`. */
type Immediate =
  /** Answered by `pong`. */
  | { readonly type: 'ping' }
  /** Answered by a `result` with the same tensors. */
  | { readonly type: 'echo' }
  /** Not answered: the request that it ends is. */
  | { readonly type: 'cancel'; readonly data: Partial<Cancel> | null }
  /** Not answered: the request that it ends is, with what it has. */
  | { readonly type: 'stop'; readonly data: Partial<Stop> | null }
  /** Not answered. */
  | { readonly type: 'credit'; readonly data: Partial<Credit> | null };

const CANCEL: Known<Cancel> = { target: true };
const STOP: Known<Stop> = { target: true };
const CREDIT: Known<Credit> = { target: true, parts: true };

/** Whether a request sends parts. It waits for credit, so it cannot end where nobody gives it any. */
const sendsParts = ({ frame }: Request): boolean =>
  ((frame.header.options as Partial<ExecutionOptions> | null | undefined)?.parts ?? null) !== null;

const token = new URLSearchParams(location.search).get('token');
const pageId = crypto.randomUUID();

function start(token: string): void {
  const attachments = new Attachments(token);
  const link = new Link(`ws://${location.host}/link?token=${encodeURIComponent(token)}`, {
    open() {
      const data: Hello = { protocol_version: PROTOCOL_VERSION, user_agent: navigator.userAgent, page_id: pageId };
      link.send(encode({ id: 0, type: 'hello', data }));
      status('connected. Models run here until the session closes this page.');
    },
    message: receive,
    lost,
    status,
  });
  const fail = (id: number, fault: PageFault): void => link.send(encode({ id, type: 'error', data: fault }));

  const executor = new ExecutorHost(
    {
      packet: (packet) => link.send(packet),
      done: (id) => queue.finish(id),
      status,
    },
    crossOriginIsolated ? navigator.hardwareConcurrency : 1,
  );
  const queue = new RequestQueue<Request>((request) => void start(request));

  function receive(buffer: ArrayBuffer): void {
    let id = 0;
    try {
      const frame = decode(buffer);
      id = frame.header.id;
      checkHeader(frame.header);
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
      case 'cancel':
        return cancel(request.data);
      case 'stop':
        return stop(request.data);
      case 'credit':
        return credit(request.data);
    }
    const bodies = attachments.get(frame.header);
    if (request.type === 'echo') return void answered(id, async () => link.send(echo(frame, await bodies)));
    // Where it is taken back before it is awaited, nobody else looks at why it failed.
    bodies.catch(() => undefined);
    queue.push({ id, frame, bodies, credit: 0 });
  }

  async function start(request: Request): Promise<void> {
    const { id, frame, bodies } = request;
    const runs = await answered(id, async () =>
      executor.run({ id, buffer: frame.buffer, bodies: await bodies }, threadsFor(frame.header)),
    );
    if (!runs) return queue.finish(id);
    if (request.credit > 0) executor.credit(id, request.credit);
  }

  /** Whether `act` ended well. Where it did not, the host is told why, unless it sends the request again. */
  async function answered(id: number, act: () => Promise<void>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (error) {
      if (!(error instanceof Superseded)) fail(id, faultOf(error, 'getting tensors', 'internal'));
      return false;
    }
  }

  function cancel(data: Partial<Cancel> | null): void {
    checkFields('cancel', data, CANCEL);
    const target = data?.target;
    if (target === undefined) return;
    if (!withdrawn(target, 'cancelled')) executor.cancel(target);
  }

  function stop(data: Partial<Stop> | null): void {
    checkFields('stop', data, STOP);
    const target = data?.target;
    if (target === undefined) return;
    // What has not run has nothing that could be its answer.
    if (!withdrawn(target, 'stopped')) executor.end(target);
  }

  /** Whether the request waited: then it is answered by an error, and never runs. */
  function withdrawn(target: number, how: string): boolean {
    attachments.cancel(target);
    const waited = queue.remove(target);
    if (waited) fail(target, new PageFault('cancelled', `Request ${target} was ${how} before it ran.`));
    return waited;
  }

  function credit(data: Partial<Credit> | null): void {
    checkFields('credit', data, CREDIT);
    const { target, parts } = data ?? {};
    if (target === undefined || parts === undefined) return;
    const waiting = queue.waits(target);
    if (waiting) waiting.credit += parts;
    else executor.credit(target, parts);
  }

  /**
   * Those that send parts end with their socket: nobody would give them credit, and the host sends them again where it
   * still wants them. Others go on, since another socket may take their answers.
   */
  function lost(): void {
    attachments.lost();
    queue.removeAll(sendsParts);
    const { running } = queue;
    if (running !== null && sendsParts(running)) executor.drop(running.id);
  }
}

if (token === null) status('this address has no token. Open the page through a Pelago session.');
else start(token);
