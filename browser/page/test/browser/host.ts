/** The smallest host that a page can talk to: files over HTTP, frames over one WebSocket. */

import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Frame, type HeaderToSend, type Tensor, decode, tensorsOf } from '../../src/link/frame.js';
import type { ExecutionOptions, GeneratePart, PageError, Platform, Progress } from '../../src/protocol.js';
import { BesideServer } from './beside.js';
import type { CallType, InOf, OutOf } from '../../src/worker/calls.js';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
};

export interface Answer<T = unknown> {
  readonly data: T;
  readonly tensors: Tensor[];
}

/** An `error` of the page. */
export class RemoteError extends Error {
  constructor(readonly page: PageError) {
    super(`${page.code}: ${page.message}`);
  }
}

/** The answer to come, and the id by which it can be cancelled. */
export type Request<T> = Promise<Answer<T>> & { readonly id: number };

export interface CallOptions {
  readonly platform?: Platform;
  readonly options?: Partial<ExecutionOptions>;
  readonly tensors?: readonly Tensor[];
}

interface Pending {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

export class Host {
  readonly progress: Progress[] = [];
  /** The parts of requests, in order, by their ids. */
  readonly parts = new Map<number, GeneratePart[]>();
  /** Told of every part when it came. */
  onPart: (id: number) => void = () => undefined;
  /** What the page has asked for over HTTP. */
  readonly paths = new Set<string>();
  readonly beside = new BesideServer();
  private readonly waiting = new Map<string, () => void>();
  hellos = 0;
  private nextId = 1;
  private socket: WebSocket | null = null;
  private readonly pending = new Map<number, Pending>();
  private readonly pongs = new Map<number, () => void>();
  private onHello: (() => void) | null = null;

  private constructor(
    readonly port: number,
    private readonly shut: () => Promise<void>,
  ) {}

  /**
   * `mounts` are folders by the prefix of their URL; the longest that fits is used. `script` runs in
   * the page before all else, `executorScript` in its Worker before onnxruntime.
   */
  static async start(mounts: Readonly<Record<string, string>>, script = '', executorScript = ''): Promise<Host> {
    const prefixes = Object.keys(mounts).sort((a, b) => b.length - a.length);
    const server = createServer((request, response) => {
      host.paths.add(request.url ?? '');
      host.waiting.get(request.url ?? '')?.();
      // An answer that never comes.
      if (request.url === '/slow' || host.beside.handle(request, response)) return;
      void serve(mounts, prefixes, { script, executorScript }, request, response);
    });
    const sockets = new WebSocketServer({ server, path: '/link', maxPayload: 2 ** 30, perMessageDeflate: false });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const host = new Host(port, async () => {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    sockets.on('connection', (socket) => host.accept(socket));
    return host;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/?token=test`;
  }

  /** Resolves at the next `hello`. */
  hello(): Promise<void> {
    return new Promise((resolve) => {
      this.onHello = resolve;
    });
  }

  /** Resolves when the page asks for this path. */
  asked(path: string): Promise<void> {
    return new Promise((resolve) => this.waiting.set(path, resolve));
  }

  /** Drops the socket, as a host that died would. */
  drop(): void {
    this.socket?.terminate();
  }

  /** Sends one of the requests that the page's executor knows. */
  call<Type extends CallType>(type: Type, data: InOf<Type>, { tensors, ...header }: CallOptions = {}): Request<OutOf<Type>> {
    return this.request({ type, data, ...header }, tensors) as Request<OutOf<Type>>;
  }

  /** Sends any header, even one that no host would send. */
  request(header: Omit<HeaderToSend, 'id'>, tensors: readonly Tensor[] = []): Request<unknown> {
    const id = this.nextId++;
    const answer = new Promise<Answer>((resolve, reject) => this.pending.set(id, { resolve, reject }));
    this.send({ id, ...header }, tensors);
    return Object.assign(answer, { id });
  }

  cancel(target: number): void {
    this.send({ id: this.nextId++, type: 'cancel', data: { target } });
  }

  stop(target: number): void {
    this.send({ id: this.nextId++, type: 'stop', data: { target } });
  }

  credit(target: number, parts: number): void {
    this.send({ id: this.nextId++, type: 'credit', data: { target, parts } });
  }

  async ping(): Promise<void> {
    const id = this.nextId++;
    await new Promise<void>((resolve) => {
      this.pongs.set(id, resolve);
      this.send({ id, type: 'ping' });
    });
  }

  close(): Promise<void> {
    return this.shut();
  }

  private send(header: HeaderToSend, tensors: readonly Tensor[] = []): void {
    this.socket?.send(this.beside.offer(header, tensors));
  }

  private accept(socket: WebSocket): void {
    this.socket = socket;
    socket.binaryType = 'nodebuffer';
    // A page whose host is silent takes its socket for lost.
    const beat = setInterval(() => this.send({ id: this.nextId++, type: 'ping' }), 5_000);
    socket.on('close', () => clearInterval(beat));
    const followed = new Following();
    socket.on('message', (data: Buffer) => {
      const found = followed.next(Uint8Array.from(data).buffer);
      if (found === null) return;
      const [frame, bodies] = found;
      const { id, type, data: body } = frame.header;
      if (type === 'hello') {
        this.hellos += 1;
        this.onHello?.();
      } else if (type === 'progress') this.progress.push(body as Progress);
      else if (type === 'part') {
        this.parts.set(id, [...(this.parts.get(id) ?? []), body as GeneratePart]);
        this.onPart(id);
      }
      else if (type === 'pong') this.pongs.get(id)?.();
      else if (type === 'result') this.pending.get(id)?.resolve({ data: body, tensors: tensorsOf(frame, bodies) });
      else if (type === 'error') this.pending.get(id)?.reject(new RemoteError(body as PageError));
    });
  }
}

/** Puts the tensors that follow a message to it. */
class Following {
  private frame: Frame | null = null;
  private bodies: ArrayBuffer[] = [];

  /** The next message of the page; `null` while more is to follow. */
  next(buffer: ArrayBuffer): [Frame, ArrayBuffer[]] | null {
    if (this.frame === null) this.frame = decode(buffer);
    else this.bodies.push(buffer);
    const { frame, bodies } = this;
    if (bodies.length < frame.header.following.length) return null;
    [this.frame, this.bodies] = [null, []];
    // Looked at as if they had come as the host's do.
    frame.header.attachments = frame.header.following.map((tensor) => ({ id: '', tensor }));
    return [frame, bodies];
  }
}

async function serve(
  mounts: Readonly<Record<string, string>>,
  prefixes: readonly string[],
  { script, executorScript }: { script: string; executorScript: string },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = decodeURIComponent(new URL(request.url ?? '/', 'http://host').pathname);
  const prefix = prefixes.find((candidate) => path.startsWith(candidate));
  const file = join(mounts[prefix ?? ''] ?? '/nowhere', normalize(path.slice(prefix?.length ?? 0) || 'index.html'));
  const headers: Record<string, string> = {
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
  };
  const size = await stat(file).then(
    (found) => (found.isFile() ? found.size : null),
    () => null,
  );
  if (size === null) {
    response.writeHead(404, headers).end();
    return;
  }
  if (script !== '' && file.endsWith('.html')) {
    response.writeHead(200, headers).end((await readFile(file, 'utf8')).replace('<head>', `<head><script>${script}</script>`));
    return;
  }
  // What the executor imports, and so what runs first in it.
  if (executorScript !== '' && /^\/ort\/ort\..*\.mjs$/.test(path)) {
    response.writeHead(200, headers).end(`${executorScript};\n${await readFile(file, 'utf8')}`);
    return;
  }
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (request.headers.range) headers['Content-Range'] = `bytes ${start}-${size - 1}/${size}`;
  response.writeHead(request.headers.range ? 206 : 200, { ...headers, 'Content-Length': String(size - start) });
  createReadStream(file, { start }).pipe(response);
}
