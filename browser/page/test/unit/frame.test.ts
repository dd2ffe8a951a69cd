/** Messages as bytes: round trips, and bytes that are no message. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PageFault } from '../../src/errors.js';
import {
  ELEMENT_SIZE,
  type Frame,
  type HeaderToSend,
  type Tensor,
  buffersOf,
  checkHeader,
  decode,
  echo,
  encode,
  tensorsOf,
} from '../../src/link/frame.js';
import { ATTACHMENT_BYTES, type Attachment, type DType, type Header, type TensorHeader } from '../../src/protocol.js';
import { encodeBeside } from '../browser/beside.js';

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
  const { buffer, following } = encode({ id: 7, type: 'run', platform: 'wasm', data: { text: 'naïve 🦊' }, options: null }, tensors);
  const frame = decode(buffer);
  assert.equal(frame.body % 8, 0);
  assert.deepEqual(frame.header.data, { text: 'naïve 🦊' });
  assert.deepEqual(following, []);
  const read = tensorsOf(frame, []);
  assert.deepEqual(read, tensors);
  for (const { bytes } of read) {
    assert.equal(bytes.byteOffset % 8, 0);
    assert.equal(bytes.buffer, buffer);
  }
});

test('a header alone ends at a multiple of 8', () => {
  for (let length = 0; length < 16; length++) {
    const { buffer } = encode({ id: 0, type: 'x'.repeat(length) });
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
    const frame = decode(encode({ id: 1, type: 'run' }, [tensor('x', 'float32', 4)]).buffer);
    change(frame.header.tensors[0] as unknown as Record<string, unknown>);
    assert.throws(
      () => tensorsOf(frame, []),
      (error) => error instanceof PageFault && error.code === 'invalid_tensor' && words.test(error.message),
    );
  };
  lie((entry) => (entry['dtype'] = 'complex'), /unknown type/);
  lie((entry) => (entry['shape'] = [5]), /needs 20 bytes, found 16/);
  lie((entry) => (entry['offset'] = 4), /multiple of 8/);
  lie((entry) => (entry['offset'] = 8), /within 16 bytes/);
  lie((entry) => (entry['offset'] = -8), /multiple of 8/);
  const twice = decode(encode({ id: 1, type: 'run' }, [tensor('x', 'int8', 1), tensor('x', 'int8', 1)]).buffer);
  assert.throws(() => tensorsOf(twice, []), /sent twice/);
});

/** A message as the host would send it, and the bodies of its attachments. */
const sent = (header: HeaderToSend, tensors: readonly Tensor[]): [Frame, ArrayBuffer[]] => {
  const [buffer, beside] = encodeBeside(header, tensors);
  return [decode(buffer), Array.from(beside.values(), (bytes) => Uint8Array.from(bytes).buffer)];
};

test('large tensors follow the message, in their order', () => {
  const below = tensor('below', 'uint8', ATTACHMENT_BYTES - 1);
  const at = tensor('at', 'uint8', ATTACHMENT_BYTES);
  const tensors = [at, below, tensor('small', 'int64', 3), tensor('above', 'float32', ATTACHMENT_BYTES)];
  const { buffer, following } = encode({ id: 1, type: 'result' }, tensors);
  assert.ok(buffer.byteLength < ATTACHMENT_BYTES + 2000);
  assert.deepEqual(following, [at.bytes, tensors[3]?.bytes]);
  const { header } = decode(buffer);
  assert.deepEqual(header.following, [0, 3]);
  assert.deepEqual(header.tensors.map(({ offset }) => offset), [0, 0, ATTACHMENT_BYTES, 0]);
});

test('the tensors of the host are found in the message and in its attachments', () => {
  const tensors = [tensor('at', 'uint8', ATTACHMENT_BYTES), tensor('small', 'int64', 3), tensor('above', 'float32', ATTACHMENT_BYTES)];
  const [frame, bodies] = sent({ id: 1, type: 'run' }, tensors);
  assert.deepEqual(frame.header.attachments.map(({ tensor }) => tensor), [0, 2]);
  const read = tensorsOf(frame, bodies);
  assert.deepEqual(read, tensors);
  assert.equal(read[2]?.bytes.buffer, bodies[1]);
  checkHeader(frame.header);
});

test('a buffer that two tensors share is handed over once', () => {
  const whole = new Uint8Array(2 * ATTACHMENT_BYTES);
  const half = (name: string, from: number): Tensor => ({
    name,
    dtype: 'uint8',
    shape: [ATTACHMENT_BYTES],
    bytes: whole.subarray(from, from + ATTACHMENT_BYTES),
  });
  const packet = encode({ id: 1, type: 'result' }, [half('a', 0), half('b', ATTACHMENT_BYTES)]);
  assert.deepEqual(buffersOf(packet), [packet.buffer, whole.buffer]);
});

test('attachments that do not fit their tensors are refused', () => {
  const lie = (change: (header: Header, bodies: ArrayBuffer[]) => void, words: RegExp): void => {
    const [frame, bodies] = sent({ id: 1, type: 'run' }, [tensor('x', 'uint8', ATTACHMENT_BYTES), tensor('y', 'uint8', 1)]);
    change(frame.header, bodies);
    assert.throws(
      () => tensorsOf(frame, bodies),
      (error) => error instanceof PageFault && error.code === 'invalid_tensor' && words.test(error.message),
    );
  };
  lie((_, bodies) => (bodies[0] = new ArrayBuffer(8)), /attachment of 262144 bytes at 0, found 8 at 0/);
  lie(({ tensors }) => ((tensors[0] as TensorHeader).offset = 8), /found 262144 at 8/);
  lie(({ attachments }) => ((attachments[0] as Attachment).tensor = 2), /one more for tensor 2/);
  lie(({ attachments }, bodies) => {
    attachments.push(attachments[0] as Attachment);
    bodies.push(bodies[0] as ArrayBuffer);
  }, /one more for tensor 0/);
  lie((header) => (header.attachments = []), /within 8 bytes/);
});

test('fields that the page does not know are refused, wherever they are', () => {
  const [{ header }] = sent({ id: 1, type: 'run', data: { any: 1 } }, [tensor('x', 'uint8', ATTACHMENT_BYTES)]);
  checkHeader(header);
  const strange = (change: object, words: RegExp): void => {
    assert.throws(
      () => checkHeader({ ...header, ...change } as Header),
      (error) => error instanceof PageFault && error.code === 'bad_request' && words.test(error.message),
    );
  };
  strange({ mood: 1 }, /Expected one of id, type, .* as a field of the header, found mood/);
  strange({ tensors: [{ ...header.tensors[0], stride: 4 }] }, /a field of the header\.tensors, found stride/);
  strange({ attachments: [{ ...header.attachments[0], url: 'x' }] }, /a field of the header\.attachments, found url/);
  strange({ constructor: 1 }, /found constructor/);
  strange({ following: [0] }, /found 1 to follow/);
});

test('an echo goes back in the buffers in which it came', () => {
  const tensors = [tensor('x', 'float32', 1000), tensor('large', 'int64', ATTACHMENT_BYTES)];
  const [frame, bodies] = sent({ id: 9, type: 'echo', data: null, options: null }, tensors);
  const { buffer, following } = echo(frame, bodies);
  assert.equal(buffer, frame.buffer);
  assert.equal(following[0]?.buffer, bodies[0]);
  const answer = decode(buffer);
  assert.deepEqual([answer.header.id, answer.header.type, answer.header.following], [9, 'result', [1]]);
  answer.header.attachments = [{ id: '', tensor: 1 }];
  assert.deepEqual(tensorsOf(answer, bodies), tensors);
});

test('an echo whose answer needs more room is copied', () => {
  const json = '{"id":1,"type":"echo"}';
  const length = 4 + Math.ceil((json.length + 4) / 8) * 8 - 4;
  const buffer = new ArrayBuffer(length);
  new DataView(buffer).setUint32(0, length - 4, true);
  new Uint8Array(buffer).set(Buffer.from(json.padEnd(length - 4)), 4);
  assert.equal(decode(echo(decode(buffer), []).buffer).header.type, 'result');
});
