/**
 * The Worker that runs models, as the page's main thread sees it: starts it early
 * and replaces it when it is broken. Knows no models.
 *
 * Why a Worker: a run on wasm blocks its thread until it ends, and the socket must
 * answer heartbeats meanwhile. The two hops cost less than 0.2 ms a request. In a
 * Worker, wasm waits for its helper threads by a futex, where the main thread would
 * spin. After a trap, a failed creation of a session, a lost GPU device or a full
 * heap, only ending the Worker gives a runtime in a known state.
 *
 * All sessions end with their Worker. The `held` of the next answer says so, and a
 * later request builds its session again. No request is lost: one runs at a time,
 * and those that wait have not been handed over.
 */

import { PageFault } from '../errors.js';
import { type Packet, encode } from '../link/frame.js';
import type { Arrived, FromExecutor, ToExecutor } from './messages.js';

export interface ExecutorEvents {
  /** A message for the host. */
  packet(packet: Packet): void;
  /** The request has been answered. */
  done(id: number): void;
  status(text: string): void;
}

/** The request that the Worker runs. */
interface Running {
  readonly id: number;
  /** Whether it is not to be run again. */
  cancelled: boolean;
  /** Parts that the host had room for beside the first ones: a Worker that takes its place is told anew. */
  credit: number;
  /** Whether the socket that it came over is lost: then nobody waits for its answer. */
  dropped: boolean;
}

const hasJspi = 'Suspending' in WebAssembly;

export class ExecutorHost {
  private worker: Worker | null = null;
  /** Threads of the wasm that runs now, or of the next one. */
  private threads: number;
  private running: Running | null = null;

  /** `cores` is the number of threads of wasm where a request names none. */
  constructor(
    private readonly events: ExecutorEvents,
    private readonly cores: number,
  ) {
    this.threads = cores;
    this.worker = this.spawn();
  }

  /**
   * Runs a request. The one before must have been answered. `threads` is the number
   * of threads of wasm that it needs, `null` for one a core. Another number needs
   * another runtime, which begins without sessions. `undefined` takes any runtime.
   */
  run(request: Arrived, threads: number | null | undefined): void {
    const { id } = request;
    // Replacing the Worker now would lose the answer.
    if (this.running !== null)
      throw new PageFault('internal', `Expected request ${this.running.id} to be answered before ${id} runs.`);
    this.running = { id, cancelled: false, credit: 0, dropped: false };
    const count = threads === undefined ? this.threads : (threads ?? this.cores);
    if (count !== this.threads) {
      this.restart(`a request for ${count} threads of wasm instead of ${this.threads}`);
      this.threads = count;
    }
    this.hand(request, null);
  }

  cancel(id: number): void {
    if (this.running?.id !== id) return;
    this.running.cancelled = true;
    this.post({ kind: 'cancel', id });
  }

  /** What the request has by now is enough. Where it has nothing yet, it is cancelled. */
  end(id: number): void {
    if (this.running?.id !== id) return;
    // It is run again only where it has nothing yet.
    this.running.cancelled = true;
    this.post({ kind: 'stop', id });
  }

  /** The request may send so many more parts. */
  credit(id: number, parts: number): void {
    if (this.running?.id !== id) return;
    this.running.credit += parts;
    this.post({ kind: 'credit', id, parts });
  }

  /** Ends a request whose answer nobody waits for. */
  drop(id: number): void {
    this.cancel(id);
    if (this.running?.id === id) this.running.dropped = true;
  }

  private hand(request: Arrived, freed: number | null): void {
    this.worker ??= this.spawn();
    this.post({ kind: 'request', request, freed }, [request.buffer, ...request.bodies]);
    const { id, credit: parts } = this.running as Running;
    if (parts > 0) this.post({ kind: 'credit', id, parts });
  }

  /** A message about the request that runs. */
  private tell(packet: Packet): void {
    if (!this.running?.dropped) this.events.packet(packet);
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
      case 'before':
        return this.tell(message.packet);
      case 'again':
        this.restart('out_of_memory, and the request is run again alone');
        // The cancellation went to the Worker that has been ended.
        if (this.running?.cancelled)
          return this.fail(new PageFault('cancelled', `Request ${message.request.id} was cancelled before it ran again.`));
        return this.hand(message.request, message.held);
      case 'done':
        this.tell(message.packet);
        if (message.broken !== null) this.restart(message.broken);
        return this.finish();
    }
  }

  /** An error that no request caught. The Worker is in an unknown state. */
  private crashed(reason: string): void {
    this.stop();
    this.events.status(`the executor failed: ${reason}`);
    this.fail(new PageFault('internal', `The executor of the page failed: ${reason}`));
  }

  /** Answers the request that runs, if there is one. */
  private fail(fault: PageFault): void {
    if (this.running === null) return;
    this.tell(encode({ id: this.running.id, type: 'error', data: fault }));
    this.finish();
  }

  private finish(): void {
    const id = this.running?.id;
    this.running = null;
    if (id !== undefined) this.events.done(id);
  }

  /** Ends the Worker with all that it holds. The next request starts another. */
  private restart(reason: string): void {
    this.stop();
    this.events.status(`the runtime was restarted after ${reason}`);
  }

  private stop(): void {
    this.worker?.terminate();
    this.worker = null;
  }
}
