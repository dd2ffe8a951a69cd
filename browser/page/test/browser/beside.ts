/** The host's side of attachments: names the large tensors of a message, and gives each once. */

import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type HeaderToSend, type Tensor, decode, encode, isLarge } from '../../src/link/frame.js';

const PREFIX = '/attachments/';

/** Answers one transfer in another way than a host would. */
export type Fault = (request: IncomingMessage, response: ServerResponse, bytes: Uint8Array | undefined) => void;

/** A message of the host with its large tensors as attachments, and these by their ids. */
export function encodeBeside(header: HeaderToSend, tensors: readonly Tensor[]): [ArrayBuffer, Map<string, Uint8Array>] {
  const { buffer, following } = encode(header, tensors);
  const message = decode(buffer);
  const { following: indices, attachments: _, ...rest } = message.header;
  const attachments = indices.map((tensor) => ({ id: randomBytes(16).toString('hex'), tensor }));
  const json = Buffer.from(JSON.stringify({ ...rest, ...(attachments.length > 0 ? { attachments } : {}) }));
  const body = Math.ceil((4 + json.length) / 8) * 8;
  const whole = new Uint8Array(body + buffer.byteLength - message.body).fill(0x20, 0, body);
  new DataView(whole.buffer).setUint32(0, body - 4, true);
  whole.set(json, 4);
  whole.set(new Uint8Array(buffer, message.body), body);
  return [whole.buffer, new Map(attachments.map(({ id }, i) => [id, following[i] as Uint8Array]))];
}

export class BesideServer {
  /** What the page did, in order: `GET 4` for four bytes that it got. */
  readonly log: string[] = [];
  /** Answers the next transfer, once. */
  fault: Fault | null = null;
  private readonly offers = new Map<string, Uint8Array>();

  /** The message to send. */
  offer(header: HeaderToSend, tensors: readonly Tensor[]): ArrayBuffer {
    const [buffer, beside] = encodeBeside(header, tensors);
    for (const [id, bytes] of beside) this.offers.set(id, bytes);
    return buffer;
  }

  /** Whether the request was one for an attachment. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const { url = '', method } = request;
    if (!url.startsWith(PREFIX)) return false;
    const id = url.slice(PREFIX.length);
    const bytes = this.offers.get(id);
    if (request.headers.authorization !== 'Bearer test') response.writeHead(403).end('the token of the page is missing');
    else if (this.fault !== null) {
      const { fault } = this;
      this.fault = null;
      this.offers.delete(id);
      fault(request, response, bytes);
    } else if (method === 'GET' && bytes !== undefined && isLarge(bytes)) {
      this.offers.delete(id);
      this.log.push(`GET ${bytes.byteLength}`);
      response.writeHead(200, { 'Content-Length': String(bytes.byteLength), 'Cache-Control': 'no-store' }).end(bytes);
    } else response.writeHead(404).end('no such attachment');
    return true;
  }
}
