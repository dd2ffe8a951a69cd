/**
 * The large tensors of the host's messages. They travel beside the socket: the page
 * gets them over HTTP, which it reads twice as fast. Knows the requests that they
 * belong to by their ids, not what these ask.
 *
 * It runs in the page's main thread, so that a tensor comes while the Worker
 * computes. The bytes are handed to the Worker without a copy.
 */

import { PageFault, textOf } from '../errors.js';
import type { Header } from '../protocol.js';

/** The socket was lost while the tensors of a request came. There is nothing to answer: the host sends it again. */
export class Superseded extends Error {}

export class Attachments {
  private readonly running = new Map<number, AbortController>();

  /** `token` is the page's own. A cookie would not tell pages of one browser apart. */
  constructor(private readonly token: string) {}

  /** Gets all attachments of a request, in their order. Throws `fetch_failed`, `cancelled`, or `Superseded`. */
  async get({ id: request, tensors, attachments }: Header): Promise<ArrayBuffer[]> {
    if (attachments.length === 0) return [];
    const controller = new AbortController();
    this.running.set(request, controller);
    const size = (tensor: number): number => tensors[tensor]?.byte_length ?? 0;
    try {
      return await Promise.all(attachments.map(({ id, tensor }) => this.download(id, size(tensor), controller.signal)));
    } catch (error) {
      // The first that fails ends the others.
      controller.abort(error);
      throw error;
    } finally {
      if (this.running.get(request) === controller) this.running.delete(request);
    }
  }

  /** The host took the request back. */
  cancel(request: number): void {
    const fault = new PageFault('cancelled', `Request ${request} was cancelled while its tensors were fetched.`);
    this.running.get(request)?.abort(fault);
  }

  /** The socket was lost, and with it the requests that came over it. */
  lost(): void {
    for (const controller of this.running.values()) controller.abort(new Superseded());
  }

  private async download(id: string, size: number, signal: AbortSignal): Promise<ArrayBuffer> {
    try {
      const headers = { Authorization: `Bearer ${this.token}` };
      const response = await fetch(`/attachments/${id}`, { headers, signal, cache: 'no-store' });
      if (response.ok) return await read(response, size);
      const reason = (await response.text()).trim().slice(0, 300);
      throw new PageFault('fetch_failed', `The session's server answered ${response.status} for a tensor: ${reason}`);
    } catch (error) {
      // Whoever ended it knows why.
      if (signal.aborted) throw signal.reason;
      if (error instanceof PageFault) throw error;
      const text = `The transfer of a tensor of ${size} bytes broke off: ${textOf(error)}`;
      throw new PageFault('fetch_failed', text, { cause: error });
    }
  }
}

/**
 * The body, which must have `size` bytes. It is read into one buffer of that size:
 * that takes half the time of `arrayBuffer`, which has the browser grow one.
 */
async function read(response: Response, size: number): Promise<ArrayBuffer> {
  const reader = byteReader(response);
  if (reader === null) return sized(await response.arrayBuffer(), size);
  let buffer = room(size);
  for (let loaded = 0; loaded < size; ) {
    // The buffer goes to the stream and comes back as another object.
    const { done, value } = await reader.read(new Uint8Array(buffer, loaded));
    if (done) throw wrongSize(size, String(loaded));
    buffer = value.buffer;
    loaded += value.byteLength;
  }
  const { done } = await reader.read(new Uint8Array(1));
  if (done) return buffer;
  await reader.cancel();
  throw wrongSize(size, `more than ${size}`);
}

/** `null` in browsers whose responses cannot be read into a buffer of ours. */
function byteReader(response: Response): ReadableStreamBYOBReader | null {
  try {
    return response.body?.getReader({ mode: 'byob' }) ?? null;
  } catch {
    return null;
  }
}

function room(size: number): ArrayBuffer {
  try {
    return new ArrayBuffer(size);
  } catch (error) {
    throw new PageFault('out_of_memory', `The page has no room for a tensor of ${size} bytes: ${textOf(error)}`);
  }
}

function sized(buffer: ArrayBuffer, size: number): ArrayBuffer {
  if (buffer.byteLength !== size) throw wrongSize(size, String(buffer.byteLength));
  return buffer;
}

const wrongSize = (expected: number, found: string): PageFault =>
  new PageFault('fetch_failed', `Expected ${expected} bytes of a tensor, found ${found}.`);
