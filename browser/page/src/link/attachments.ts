/**
 * The large tensors of messages. They travel beside the socket, over HTTP: the
 * page gets those that the host's messages name, and posts its own. Knows the
 * requests that they belong to by their ids, not what these ask.
 *
 * It runs in the page's main thread, so that a tensor comes while the Worker
 * computes. The bytes are handed to the Worker and back without a copy.
 */

import { PageFault, textOf } from '../errors.js';
import type { Attachment } from '../protocol.js';
import type { Beside } from './frame.js';

/** The socket was lost while the tensors of a request came. There is nothing to answer: the host sends it again. */
export class Superseded extends Error {}

export class Attachments {
  private readonly downloads = new Map<number, AbortController>();
  private readonly uploads = new Map<number, AbortController>();

  /** `token` is the page's own. A cookie would not tell pages of one browser apart. */
  constructor(private readonly token: string) {}

  /** Gets all attachments of a request, in their order. Throws `fetch_failed`, `cancelled`, or `Superseded`. */
  get(request: number, attachments: readonly Attachment[]): Promise<ArrayBuffer[]> {
    return this.within(this.downloads, request, async (signal) => {
      const bodies = await Promise.all(attachments.map((attachment) => this.download(attachment, signal)));
      signal.throwIfAborted();
      return bodies;
    });
  }

  /** Sends all attachments of an answer. The answer itself has been sent. Throws `fetch_failed` or `cancelled`. */
  post(request: number, attachments: readonly Beside[]): Promise<void> {
    return this.within(this.uploads, request, async (signal) => {
      await Promise.all(attachments.map((attachment) => this.upload(attachment, signal)));
    });
  }

  /** The host took the request back. */
  cancel(request: number): void {
    const cancelled = new PageFault('cancelled', `Request ${request} was cancelled while its tensors were transferred.`);
    this.downloads.get(request)?.abort(cancelled);
    this.uploads.get(request)?.abort(cancelled);
  }

  /** The socket was lost. The host knows the answers that came over it, so their attachments still go out. */
  lost(): void {
    for (const controller of this.downloads.values()) controller.abort(new Superseded());
  }

  /** Runs the transfers of a request. The first that fails ends the others. */
  private async within<T>(
    map: Map<number, AbortController>,
    request: number,
    transfer: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const controller = new AbortController();
    map.set(request, controller);
    try {
      return await transfer(controller.signal);
    } catch (error) {
      controller.abort(error);
      throw error;
    } finally {
      if (map.get(request) === controller) map.delete(request);
    }
  }

  private async download({ id, byte_length }: Attachment, signal: AbortSignal): Promise<ArrayBuffer> {
    const response = await this.fetch('GET', id, byte_length, signal);
    return read(response, byte_length).catch((error: unknown) => {
      throw error instanceof PageFault ? error : broken(id, byte_length, error, signal);
    });
  }

  private async upload({ id, bytes }: Beside, signal: AbortSignal): Promise<void> {
    await this.fetch('POST', id, bytes.byteLength, signal, bytes);
  }

  private async fetch(
    method: 'GET' | 'POST',
    id: string,
    length: number,
    signal: AbortSignal,
    body: BodyInit | null = null,
  ): Promise<Response> {
    const headers = { Authorization: `Bearer ${this.token}` };
    // Browsers open few connections to one server. What many waiting requests bring must not hold up an answer.
    const priority = method === 'POST' ? 'high' : 'auto';
    const request = fetch(`/attachments/${id}`, { method, headers, body, signal, priority, cache: 'no-store' });
    const response = await request.catch((error: unknown) => {
      throw broken(id, length, error, signal);
    });
    if (response.ok) return response;
    const reason = (await response.text().catch(() => '')).trim().slice(0, 300);
    throw new PageFault('fetch_failed', `The session's server answered ${response.status} for tensor ${id}: ${reason}`);
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

/** What a transfer that broke off is told as: the reason of whoever ended it, where somebody did. */
function broken(id: string, length: number, error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  return new PageFault('fetch_failed', `The transfer of tensor ${id} (${length} bytes) broke off: ${textOf(error)}.`, {
    cause: error,
  });
}
