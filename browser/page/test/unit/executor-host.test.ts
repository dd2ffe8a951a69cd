/** When the Worker is replaced, and what happens to requests then. The Worker itself is a fake. */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { type Packet, decode, encode } from '../../src/link/frame.js';
import type { ErrorCode, PageError } from '../../src/protocol.js';
import { ExecutorHost } from '../../src/worker/executor-host.js';
import type { Arrived, FromExecutor, ToExecutor } from '../../src/worker/messages.js';

class FakeWorker {
  static all: FakeWorker[] = [];
  readonly received: ToExecutor[] = [];
  ended = false;
  onmessage: ((event: { data: FromExecutor }) => void) | null = null;
  onerror: ((event: { message: string; preventDefault(): void }) => void) | null = null;

  constructor(readonly url: URL) {
    FakeWorker.all.push(this);
  }

  get threads(): string | null {
    return this.url.searchParams.get('threads');
  }

  postMessage(message: ToExecutor): void {
    assert.equal(this.ended, false, 'nothing is said to a Worker that was ended');
    this.received.push(message);
  }

  terminate(): void {
    this.ended = true;
  }

  answer(id: number, broken: ErrorCode | null = null): void {
    this.onmessage?.({ data: { kind: 'done', packet: encode({ id, type: broken ? 'error' : 'result' }), broken } });
  }

  again(request: Arrived): void {
    this.onmessage?.({ data: { kind: 'again', request, held: 7 } });
  }
}

/** What the host's socket got and what the page was told. */
let frames: Array<{ id: number; type: string; data: unknown }>;
let done: number[];
let statuses: string[];
let host: ExecutorHost;

beforeEach(() => {
  Object.assign(globalThis, { Worker: FakeWorker });
  FakeWorker.all = [];
  [frames, done, statuses] = [[], [], []];
  const packet = ({ buffer }: Packet): void => {
    const { id, type, data } = decode(buffer).header;
    frames.push({ id, type, data });
  };
  host = new ExecutorHost({ packet, done: (id) => done.push(id), status: (text) => statuses.push(text) }, 4);
});

const request = (id: number): Arrived => ({ id, buffer: encode({ id, type: 'embed' }).buffer, bodies: [new ArrayBuffer(8)] });
const worker = (index: number): FakeWorker => FakeWorker.all[index] as FakeWorker;

test('other threads are another Worker, which says so; the same number is not', () => {
  for (const [id, threads, workers] of [[1, null, 1], [2, 4, 1], [3, undefined, 1], [4, 2, 2], [5, undefined, 2], [6, null, 3]] as const) {
    host.run(request(id), threads);
    assert.equal(FakeWorker.all.length, workers, `request ${id}`);
    worker(workers - 1).answer(id);
  }
  assert.deepEqual(FakeWorker.all.map(({ threads, ended }) => [threads, ended]), [['4', true], ['2', true], ['4', false]]);
  assert.equal(statuses.length, 2);
  assert.match(statuses[0] as string, /2 threads of wasm instead of 4/);
  assert.deepEqual(done, [1, 2, 3, 4, 5, 6]);
});

test('no Worker is replaced while a request runs in it', () => {
  host.run(request(1), null);
  assert.throws(() => host.run(request(2), 2), /request 1 to be answered/);
  assert.equal(worker(0).ended, false);
  worker(0).answer(1);
  host.run(request(2), 2);
  assert.deepEqual([done, worker(0).ended], [[1], true]);
});

test('a Worker that says it is broken is replaced before the next request', () => {
  host.run(request(1), null);
  worker(0).answer(1, 'invalid_model');
  assert.equal(worker(0).ended, true);
  host.run(request(2), null);
  assert.equal(worker(1).received.length, 1);
  worker(0).answer(2);
  assert.deepEqual([done, frames.length], [[1], 1], 'what an ended Worker still says is not heard');
  worker(1).answer(2);
  assert.deepEqual(done, [1, 2]);
});

test('a request without room is run again, alone, in a new Worker', () => {
  const first = request(1);
  host.run(first, null);
  assert.deepEqual(worker(0).received, [{ kind: 'request', request: first, freed: null }]);
  worker(0).again(first);
  assert.deepEqual([worker(0).ended, done, frames], [true, [], []]);
  assert.deepEqual(worker(1).received, [{ kind: 'request', request: first, freed: 7 }]);
  worker(1).answer(1);
  host.run(request(2), null);
  assert.equal(FakeWorker.all.length, 2);
  assert.equal((worker(1).received[1] as { freed: number | null }).freed, null);
});

test('one that was cancelled is not run again', () => {
  const first = request(1);
  host.run(first, null);
  host.cancel(1);
  worker(0).again(first);
  assert.deepEqual([FakeWorker.all.length, done], [1, [1]]);
  assert.equal((frames[0]?.data as PageError).code, 'cancelled');
});

test('credit and an end reach the request that runs; a Worker in its place is told of the credit too', () => {
  host.run(request(1), null);
  host.credit(2, 9);
  host.end(2);
  host.credit(1, 3);
  host.credit(1, 2);
  const kinds = (index: number): unknown[] => worker(index).received.slice(1);
  assert.deepEqual(kinds(0), [{ kind: 'credit', id: 1, parts: 3 }, { kind: 'credit', id: 1, parts: 2 }]);
  worker(0).again(request(1));
  assert.deepEqual(kinds(1), [{ kind: 'credit', id: 1, parts: 5 }]);
  host.end(1);
  assert.deepEqual(kinds(1).at(-1), { kind: 'stop', id: 1 });
});

test('one that was stopped before it had anything is not run again', () => {
  host.run(request(1), null);
  host.end(1);
  worker(0).again(request(1));
  assert.deepEqual([FakeWorker.all.length, (frames[0]?.data as PageError).code], [1, 'cancelled']);
});

test('nobody hears of a request that was dropped, and the next one runs', () => {
  host.run(request(1), null);
  host.drop(1);
  assert.deepEqual(worker(0).received.at(-1), { kind: 'cancel', id: 1 });
  worker(0).onmessage?.({ data: { kind: 'before', packet: encode({ id: 1, type: 'part' }) } });
  worker(0).answer(1, 'cancelled');
  assert.deepEqual([frames, done], [[], [1]]);
  // The host sends it again, under the same id.
  host.run(request(1), null);
  worker(1).answer(1);
  assert.deepEqual(frames.map(({ type }) => type), ['result']);
});

test('a crash answers the request that ran, and the next has a new Worker', () => {
  host.run(request(1), null);
  worker(0).onerror?.({ message: 'boom', preventDefault: () => undefined });
  assert.match((frames[0]?.data as PageError).message, /boom/);
  assert.deepEqual(done, [1]);
  host.run(request(2), null);
  assert.equal(worker(1).received.length, 1);
});
