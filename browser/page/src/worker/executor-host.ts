/**
 * The Worker that runs models, seen from the page: started early, replaced when
 * it breaks.
 *
 * Why a Worker: a run on wasm blocks its thread for as long as it takes, and
 * the socket must answer heartbeats meanwhile. The two hops cost less than 0.2 ms
 * a request. In a Worker wasm also waits for its helper threads by a futex, where
 * the main thread would spin; and after a trap, a lost GPU device or a full
 * heap, ending the Worker is the one way to give everything back.
 *
 * All sessions end with their Worker, and the next answer's `held` says so. No
 * request does: one runs at a time, and those that wait have not been handed over.
 */

import { PageFault } from '../errors.js';
import type { FromExecutor, ToExecutor } from './messages.js';
import { encode } from '../link/frame.js';

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
  /** Threads of the wasm that runs, or will run next. */
  private threads: number;
  private running: { readonly id: number; cancelled: boolean } | null = null;

  /** `cores` is how many threads wasm gets where a request does not say. */
  constructor(
    private readonly events: ExecutorEvents,
    private readonly cores: number,
  ) {
    this.threads = cores;
    this.worker = this.spawn();
  }

  /**
   * Runs a request; the one before must have been answered. `threads` of wasm,
   * `null` for one a core: another number needs another runtime, which begins
   * without sessions. Any runtime will do where it is `undefined`.
   */
  run({ id, buffer }: Request, threads: number | null | undefined): void {
    // Replacing the Worker now would lose the answer.
    if (this.running !== null)
      throw new PageFault('internal', `Expected request ${this.running.id} to be answered before ${id} runs.`);
    this.running = { id, cancelled: false };
    const count = threads === undefined ? this.threads : (threads ?? this.cores);
    if (count !== this.threads) {
      this.restart(`a request for ${count} threads of wasm instead of ${this.threads}`);
      this.threads = count;
    }
    this.hand(buffer, null);
  }

  cancel(id: number): void {
    if (this.running?.id !== id) return;
    this.running.cancelled = true;
    this.post({ kind: 'cancel', id });
  }

  private hand(buffer: ArrayBuffer, freed: number | null): void {
    this.worker ??= this.spawn();
    this.post({ kind: 'request', buffer, freed }, [buffer]);
  }

  private post(message: ToExecutor, transfer: Transferable[] = []): void {
    this.worker?.postMessage(message, transfer);
  }

  private spawn(): Worker {
    const name = `./executor.${hasJspi ? 'jspi' : 'asyncify'}.js`;
    const url = new URL(name, import.meta.url);
    url.searchParams.set('threads', String(this.threads));
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
    switch (message.kind) {
      case 'progress':
        return this.events.frame(message.frame);
      case 'again':
        this.restart('out_of_memory, and the request is run again alone');
        // The cancellation went to the Worker that is no more.
        if (this.running?.cancelled)
          return this.fail(new PageFault('cancelled', `Request ${message.id} was cancelled before it ran again.`));
        return this.hand(message.buffer, message.held);
      case 'done':
        this.events.frame(message.frame);
        if (message.broken !== null) this.restart(message.broken);
        return this.finish();
    }
  }

  /** An error that no request's own handling caught: the Worker is in an unknown state. */
  private crashed(reason: string): void {
    this.stop();
    this.events.status(`the executor failed: ${reason}`);
    this.fail(new PageFault('internal', `The executor of the page failed: ${reason}`));
  }

  /** Answers the request that runs, if one does. */
  private fail(fault: PageFault): void {
    if (this.running === null) return;
    this.events.frame(encode({ id: this.running.id, type: 'error', data: fault }));
    this.finish();
  }

  private finish(): void {
    const id = this.running?.id;
    this.running = null;
    if (id !== undefined) this.events.done(id);
  }

  /** Ends the Worker with all that it holds; the next request starts another. */
  private restart(reason: string): void {
    this.stop();
    this.events.status(`the runtime was restarted after ${reason}`);
  }

  private stop(): void {
    this.worker?.terminate();
    this.worker = null;
  }
}
