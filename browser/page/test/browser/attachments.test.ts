/** Large tensors in real browsers: to the page's main thread, to its Worker, and back. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { Tensor } from '../../src/link/frame.js';
import { ATTACHMENT_BYTES } from '../../src/protocol.js';
import { FLOAT, onnx } from '../graph.js';
import { refused } from './ask.js';
import type { Fault } from './beside.js';
import { bert, graphOf } from './models.js';
import { page } from './page.js';
import type { BrowserName } from './webdriver.js';

const graphs = mkdtempSync(join(tmpdir(), 'pelago-beside-'));
after(() => rmSync(graphs, { recursive: true, force: true }));

const vector = (name: string) => ({ name, type: FLOAT, shape: ['n'] });
/** p = -x, q = -y. */
const negation = onnx({
  inputs: [vector('x'), vector('y')],
  outputs: [vector('p'), vector('q')],
  nodes: [
    { op: 'Neg', inputs: ['x'], output: 'p' },
    { op: 'Neg', inputs: ['y'], output: 'q' },
  ],
});
writeFileSync(join(graphs, 'negation.onnx'), negation);
const model = { ...graphOf(bert), cid: 'negation', url: '/graphs/negation.onnx', size: negation.length };
const negated = { model };

const bytes = (length: number, seed: number): Uint8Array<ArrayBuffer> => {
  const all = new Uint8Array(length);
  for (let i = 0; i < length; i++) all[i] = Math.imul(i + seed, 2654435761) >>> 24;
  return all;
};
const uint8 = (name: string, length: number): Tensor => ({ name, dtype: 'uint8', shape: [length], bytes: bytes(length, name.length) });
const float32 = (name: string, count: number, sign = 1): Tensor => {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = (sign * (Math.imul(i + name.charCodeAt(0), 2654435761) >> 8)) / 2 ** 20;
  return { name, dtype: 'float32', shape: [count], bytes: new Uint8Array(values.buffer) };
};
const same = (found: readonly Tensor[], expected: readonly Tensor[]): void => {
  const facts = (tensors: readonly Tensor[]): unknown => tensors.map(({ name, dtype, shape }) => ({ name, dtype, shape }));
  assert.deepEqual(facts(found), facts(expected));
  expected.forEach(({ name, bytes }, i) => assert.ok(Buffer.from(bytes).equals(Buffer.from((found[i] as Tensor).bytes)), name));
};

/** What a page of a browser finds whose responses are not streams of bytes. */
const NO_BYTE_STREAMS = `const { getReader } = ReadableStream.prototype;
ReadableStream.prototype.getReader = function (options) {
  if (options?.mode === 'byob') throw new TypeError('not a byte stream');
  return getReader.call(this, options);
}`;

const browsers: ReadonlyArray<[BrowserName, string?]> = [
  ['chromium'],
  ['chromium', NO_BYTE_STREAMS],
  ['headless-shell'],
  ['firefox'],
];

for (const [name, script] of browsers) {
  describe(script === undefined ? name : `${name} without byte streams`, { timeout: 120_000 }, () => {
    const { host } = page(name, { graphs, script });
    const echo = (tensors: readonly Tensor[]) => host().request({ type: 'echo' }, tensors);
    const setFault = (fault: Fault): void => void (host().beside.fault = fault);
    const log = (): string[] => host().beside.log.splice(0).sort();
    const run = (tensors: readonly Tensor[]) => host().call('run', { graphs: negated, outputs: [] }, { platform: 'wasm', tensors });

    test('tensors of every size come back bit for bit, and only large ones travel beside', async () => {
      for (const length of [0, 1, ATTACHMENT_BYTES - 1]) {
        same((await echo([uint8('x', length)])).tensors, [uint8('x', length)]);
        assert.deepEqual(log(), []);
      }
      for (const length of [ATTACHMENT_BYTES, ATTACHMENT_BYTES + 1, 16 << 20]) {
        same((await echo([uint8('x', length)])).tensors, [uint8('x', length)]);
        assert.deepEqual(log(), [`GET ${length}`]);
      }
    });

    test('several in one message keep their order', async () => {
      const tensors = [uint8('large', 1 << 20), uint8('s', 5), uint8('larger', 3_000_001), uint8('empty', 0), float32('last', 100_000)];
      same((await echo(tensors)).tensors, tensors);
      assert.equal(log().length, 3);
    });

    test('they reach a model in the Worker and come back from it', async () => {
      for (const count of [ATTACHMENT_BYTES / 4 - 1, ATTACHMENT_BYTES / 4, (16 << 20) / 4]) {
        const { tensors } = await run([float32('x', count), float32('y', count)]);
        same(tensors, [{ ...float32('x', count, -1), name: 'p' }, { ...float32('y', count, -1), name: 'q' }]);
        assert.equal(log().length, count * 4 < ATTACHMENT_BYTES ? 0 : 2);
      }
    });

    test('a tensor that does not come whole is an error, and the next request is answered', async () => {
      const faults: ReadonlyArray<[RegExp, Fault]> = [
        [/answered 404 .*no such/, (_, response) => response.writeHead(404).end('no such attachment')],
        [/expected 1048576 bytes .* found 5/i, (_, response) => response.writeHead(200, { 'Content-Length': '5' }).end('short')],
        [/expected 1048576 bytes .* found (more than 1048576|1048577)/i, (_, response) => response.writeHead(200).end(new Uint8Array(1048577))],
        [
          // Chromium may ask again, and is told that it had it already.
          /broke off|answered 404/,
          (_, response, bytes) => {
            response.writeHead(200, { 'Content-Length': String(bytes?.byteLength) });
            response.write((bytes as Uint8Array).subarray(0, 70_000), () => response.destroy());
          },
        ],
      ];
      for (const [words, fault] of faults) {
        setFault(fault);
        await assert.rejects(echo([uint8('x', 1 << 20), uint8('y', 1)]), refused('fetch_failed', words));
        setFault(fault);
        await assert.rejects(run([float32('x', 1 << 18), float32('y', 1 << 18)]), refused('fetch_failed', words));
      }
      log();
      same((await echo([uint8('x', 1 << 20)])).tensors, [uint8('x', 1 << 20)]);
    });

    test('a request is taken back while its tensor comes, running or waiting', async () => {
      const stuck = (): Promise<void> => new Promise((resolve) => setFault(() => resolve()));
      const reached = stuck();
      const first = run([float32('x', 1 << 18), float32('y', 1)]);
      const taken = assert.rejects(first, refused('cancelled', /while its tensors were fetched/));
      await reached;
      const again = stuck();
      const second = run([float32('x', 1 << 18), float32('y', 1)]);
      const alsoTaken = assert.rejects(second, refused('cancelled', /before it ran/));
      await again;
      host().cancel(second.id);
      await alsoTaken;
      host().cancel(first.id);
      await taken;
      same((await echo([uint8('x', 1 << 20)])).tensors, [uint8('x', 1 << 20)]);
    });

    test('a lost socket ends what comes for it, without an answer', async () => {
      const reached = new Promise<void>((resolve) => setFault(() => resolve()));
      let answers = 0;
      const count = (): void => void (answers += 1);
      run([float32('x', 1 << 18), float32('y', 1)]).then(count, count);
      await reached;
      const hello = host().hello();
      host().drop();
      await hello;
      // What came before did not keep the Worker: this runs.
      const { tensors } = await run([float32('x', 3), float32('y', 3)]);
      assert.deepEqual([tensors.length, answers], [2, 0]);
    });

    test('fields that the page does not know are refused', async () => {
      const strange = (header: object, words: RegExp): Promise<void> =>
        assert.rejects(host().request({ type: 'run', ...header }), refused('bad_request', words));
      await strange({ mood: 'good' }, /a field of the header, found mood/);
      await strange({ data: { graphs: bert, outputs: [], inputs: [] } }, /a field of run, found inputs/);
      await strange({ data: { graphs: { model: { ...graphOf(bert), opset: 1 } }, outputs: [] } }, /a field of run\.graphs\.model, found opset/);
      await strange({ data: { graphs: bert, outputs: [] }, platform: 'wasm', options: { thread: 1 } }, /a field of options, found thread/);
      await assert.rejects(host().request({ type: 'dispose', data: { graph: null, keep: 1, all: true } }), refused('bad_request', /found all/));
    });
  });
}
