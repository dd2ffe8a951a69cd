/**
 * The Worker that runs models, seen from the page: started early, replaced when
 * it breaks.
 *
 * Why a Worker: a run on wasm blocks its thread for as long as it takes, and
 * the socket must answer heartbeats meanwhile. The two hops cost less than 0.2 ms
 * a request. In a Worker wasm also waits for its helper threads by a futex, where
 * the main thread would spin; and after an abort, a lost GPU device or a full
 * heap, ending the Worker is the one way to give everything back.
 */

import { PageFault } from './errors.js';
import type { FromExecutor, ToExecutor } from './executor-messages.js';
import { encode } from './frame.js';

export interface ExecutorEvents {
  /** A frame for the socket. */
  frame(buffer: ArrayBuffer): void;
  /** The request has been answered. */
  done(id: number): void;
  status(text: string): void;
}

interface Request {
  readonly id: number;
  readonly buffer: ArrayBuffer;
}

const hasJspi = 'Suspending' in WebAssembly;

export class ExecutorHost {
  private worker: Worker | null = null;
  private threads: number | null = null;
  private running: Request | null = null;

  constructor(private readonly events: ExecutorEvents) {
    this.worker = this.spawn();
  }

  /**
   * Runs a request; `threads` of wasm, `null` for one a core: another number
   * needs another runtime. Any runtime will do where it is `undefined`.
   */
  run(request: Request, threads: number | null | undefined): void {
    this.running = request;
    if (threads !== undefined && threads !== this.threads) {
      this.stop();
      this.threads = threads;
    }
    this.worker ??= this.spawn();
    this.post({ kind: 'request', buffer: request.buffer }, [request.buffer]);
  }

  cancel(id: number): void {
    if (this.running?.id === id) this.post({ kind: 'cancel', id });
  }

  private post(message: ToExecutor, transfer: Transferable[] = []): void {
    this.worker?.postMessage(message, transfer);
  }

  private spawn(): Worker {
    const name = `./executor.${hasJspi ? 'jspi' : 'asyncify'}.js`;
    const url = new URL(name, import.meta.url);
    if (this.threads !== null) url.searchParams.set('threads', String(this.threads));
    const worker = new Worker(url, { type: 'module', name: 'executor' });
    worker.onmessage = ({ data }: MessageEvent<FromExecutor>) => {
      if (worker === this.worker) this.receive(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      if (worker === this.worker) this.crashed(event.message || `${name} could not be loaded`);
    };
    return worker;
  }

  private receive(message: FromExecutor): void {
    this.events.frame(message.frame);
    if (message.kind === 'progress') return;
    this.running = null;
    if (message.broken !== null) {
      this.events.status(`the runtime was restarted after ${message.broken}`);
      this.stop();
    }
    this.events.done(message.id);
  }

  /** An error that no request's own handling caught: the Worker is in an unknown state. */
  private crashed(reason: string): void {
    this.stop();
    const { running } = this;
    this.events.status(`the executor failed: ${reason}`);
    if (running === null) return;
    this.running = null;
    const fault = new PageFault('internal', `The executor of the page failed: ${reason}`);
    this.events.frame(encode({ id: running.id, type: 'error', data: fault }));
    this.events.done(running.id);
  }

  private stop(): void {
    this.worker?.terminate();
    this.worker = null;
  }
}
