/**
 * Requests that wait for the executor, in the order in which they came. One runs
 * at a time, because sessions of onnxruntime-web are not re-entrant. Knows nothing
 * of what a request asks.
 */

import { PageFault } from '../errors.js';
import { REQUESTS_A_PAGE } from '../protocol.js';

/** The host sends no more than this at once. More are refused. */
export const CAPACITY = REQUESTS_A_PAGE;

export interface Waiting {
  readonly id: number;
}

export class RequestQueue<T extends Waiting> {
  private readonly waiting: T[] = [];
  private current: T | null = null;

  constructor(private readonly start: (request: T) => void) {}

  get running(): T | null {
    return this.current;
  }

  /** Starts the request, or lets it wait. Throws where too many wait. */
  push(request: T): void {
    if (this.current === null) {
      this.current = request;
      this.start(request);
      return;
    }
    if (this.waiting.length >= CAPACITY)
      throw new PageFault('execution_failed', `At most ${CAPACITY} requests may wait in one page, found one more.`, {
        help: 'Wait for answers before sending more.',
        repeatable: true,
      });
    this.waiting.push(request);
  }

  /** Removes a request that waits. Returns false where it does not wait: it runs, or has ended. */
  remove(id: number): boolean {
    const index = this.waiting.findIndex((request) => request.id === id);
    if (index < 0) return false;
    this.waiting.splice(index, 1);
    return true;
  }

  /** The request that waits under this id. */
  waits(id: number): T | undefined {
    return this.waiting.find((request) => request.id === id);
  }

  /** Removes the requests that wait and that `matches` picks. */
  removeAll(matches: (request: T) => boolean): void {
    this.waiting.splice(0, Infinity, ...this.waiting.filter((request) => !matches(request)));
  }

  /** The running request has ended. Starts the next one. */
  finish(id: number): void {
    if (this.current?.id !== id) return;
    this.current = this.waiting.shift() ?? null;
    if (this.current !== null) this.start(this.current);
  }
}
