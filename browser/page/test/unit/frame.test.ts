/** Messages as bytes: round trips, and bytes that are no message. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PageFault } from '../../src/errors.js';
import { ELEMENT_SIZE, type Tensor, decode, echo, encode, tensorsOf } from '../../src/link/frame.js';
import type { DType } from '../../src/protocol.js';

const tensor = (name: string, dtype: DType, count: number): Tensor => ({
  name,
  dtype,
  shape: [count],
  bytes: Uint8Array.from({ length: count * ELEMENT_SIZE[dtype] }, (_, i) => (i * 7 + name.length) % 256),
});

test('what is encoded is decoded, for every type and odd lengths', () => {
  const tensors = (Object.keys(ELEMENT_SIZE) as DType[]).flatMap((dtype) => [
    tensor(`${dtype}é`, dtype, 5),
    tensor(`${dtype}0`, dtype, 0),
  ]);
  const buffer = encode({ id: 7, type: 'run', platform: 'wasm', data: { text: 'naïve 🦊' }, options: null }, tensors);
  const frame = decode(buffer);
  assert.equal(frame.body % 8, 0);
  assert.deepEqual(frame.header.data, { text: 'naïve 🦊' });
  const read = tensorsOf(frame);
  assert.deepEqual(read, tensors);
  for (const { bytes } of read) {
    assert.equal(bytes.byteOffset % 8, 0);
    assert.equal(bytes.buffer, buffer);
  }
});

test('a header alone ends at a multiple of 8', () => {
  for (let length = 0; length < 16; length++) {
    const buffer = encode({ id: 0, type: 'x'.repeat(length) });
    assert.equal(buffer.byteLength % 8, 0);
    assert.equal(decode(buffer).header.type.length, length);
  }
});

test('bytes that are no message are refused', () => {
  const bad = (bytes: number[], words: RegExp): void => {
    assert.throws(
      () => decode(Uint8Array.from(bytes).buffer),
      (error) => error instanceof PageFault && error.code === 'bad_request' && words.test(error.message),
    );
  };
  const text = (json: string): number[] => [json.length, 0, 0, 0, ...Buffer.from(json)];
  bad([1, 2], /2 bytes/);
  bad([255, 0, 0, 0], /255 bytes in a message of 4/);
  bad([3, 0, 0, 0, 32, 32, 32], /multiple of 8/);
  bad(text('nope'), /not JSON/);
  bad([4, 0, 0, 0, 0xff, 0xfe, 0xff, 0xfe], /not JSON/);
  bad(text('null'), /not an object/);
  bad(text('{"id":-1}   '), /the id -1/);
  bad(text('{"id":1}    '), /the type undefined/);
});

test('tensors that lie about themselves are refused', () => {
  const lie = (change: (entry: Record<string, unknown>) => void, words: RegExp): void => {
    const frame = decode(encode({ id: 1, type: 'run' }, [tensor('x', 'float32', 4)]));
    change(frame.header.tensors[0] as unknown as Record<string, unknown>);
    assert.throws(
      () => tensorsOf(frame),
      (error) => error instanceof PageFault && error.code === 'invalid_tensor' && words.test(error.message),
    );
  };
  lie((entry) => (entry['dtype'] = 'complex'), /unknown type/);
  lie((entry) => (entry['shape'] = [5]), /needs 20 bytes, found 16/);
  lie((entry) => (entry['offset'] = 4), /multiple of 8/);
  lie((entry) => (entry['offset'] = 8), /within 16 bytes/);
  lie((entry) => (entry['offset'] = -8), /multiple of 8/);
  const twice = decode(encode({ id: 1, type: 'run' }, [tensor('x', 'int8', 1), tensor('x', 'int8', 1)]));
  assert.throws(() => tensorsOf(twice), /sent twice/);
});

test('an echo goes back in the buffer in which it came', () => {
  const sent = encode({ id: 9, type: 'echo', data: null, options: null }, [tensor('x', 'float32', 1000)]);
  const expected = sent.slice(0);
  const back = echo(decode(sent));
  assert.equal(back, sent);
  const { header } = decode(back);
  assert.deepEqual([header.id, header.type], [9, 'result']);
  assert.deepEqual(tensorsOf(decode(back)), tensorsOf(decode(expected)));
});

test('an echo whose answer needs more room is copied', () => {
  const json = '{"id":1,"type":"echo"}';
  const length = 4 + Math.ceil((json.length + 4) / 8) * 8 - 4;
  const buffer = new ArrayBuffer(length);
  new DataView(buffer).setUint32(0, length - 4, true);
  new Uint8Array(buffer).set(Buffer.from(json.padEnd(length - 4)), 4);
  assert.equal(decode(echo(decode(buffer))).header.type, 'result');
});
