/** The host's side of attachments: gives what messages name, and keeps what is posted until its message is read. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Packet } from '../../src/link/frame.js';
import type { Attachment } from '../../src/protocol.js';

const PREFIX = '/attachments/';

/** Answers one transfer in another way than a host would. */
export type Fault = (request: IncomingMessage, response: ServerResponse, bytes: Uint8Array | undefined) => void;

export class BesideServer {
  /** What the page did, in order: `GET 4` for four bytes that it got. */
  readonly log: string[] = [];
  /** Answers the next transfer, once. */
  fault: Fault | null = null;
  private readonly offers = new Map<string, Uint8Array>();
  private readonly posted = new Map<string, Promise<ArrayBuffer>>();
  private readonly awaited = new Map<string, (body: Promise<ArrayBuffer>) => void>();

  offer({ beside }: Packet): void {
    for (const { id, bytes } of beside) this.offers.set(id, bytes);
  }

  /** The bodies of the attachments of an answer. */
  bodies(attachments: readonly Attachment[]): Promise<ArrayBuffer[]> {
    return Promise.all(
      attachments.map(({ id }) => this.posted.get(id) ?? new Promise<ArrayBuffer>((resolve) => this.awaited.set(id, resolve))),
    );
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
      fault(request, response, bytes);
    } else if (method === 'GET' && bytes !== undefined) {
      this.offers.delete(id);
      this.log.push(`GET ${bytes.byteLength}`);
      response.writeHead(200, { 'Content-Length': String(bytes.byteLength), 'Cache-Control': 'no-store' }).end(bytes);
    } else if (method === 'POST') this.keep(id, request, response);
    else response.writeHead(404).end('no such attachment');
    return true;
  }

  private keep(id: string, request: IncomingMessage, response: ServerResponse): void {
    const body = new Promise<ArrayBuffer>((resolve) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const whole = Uint8Array.from(Buffer.concat(chunks)).buffer;
        this.log.push(`POST ${whole.byteLength}`);
        response.writeHead(204).end();
        resolve(whole);
      });
    });
    this.posted.set(id, body);
    this.awaited.get(id)?.(body);
  }
}
