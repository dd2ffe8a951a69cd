/**
 * A message as bytes. First the length of the header as a little-endian u32. Then
 * the header as JSON, padded with spaces up to a multiple of 8. Then the bytes of
 * the tensors, each at a multiple of 8. A large tensor is not among them: in a message
 * of the host the header names an attachment for it, and after one of the page it is
 * a message of its own. Knows nothing of sockets, nor of what a message asks.
 */

import { PageFault } from '../errors.js';
import { ATTACHMENT_BYTES, type DType, type Header, type TensorHeader } from '../protocol.js';
import { type Known, checkFields } from './fields.js';

/** Bytes of the length before the header. */
const PREFIX = 4;
const ALIGN = 8;

/** Bytes of one element, by type. */
export const ELEMENT_SIZE: Readonly<Record<DType, number>> = {
  float32: 4,
  float16: 2,
  int8: 1,
  uint8: 1,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  bool: 1,
};

/** A named tensor. `bytes` is a view of what was received, not a copy. */
export interface Tensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A message that was received. */
export interface Frame {
  readonly header: Header;
  /** Offset in bytes of the end of the header in `buffer`. */
  readonly body: number;
  readonly buffer: ArrayBuffer;
}

/** A message that is ready to be sent, and the messages that follow it: one for each large tensor. */
export interface Packet {
  readonly buffer: ArrayBuffer;
  readonly following: readonly Uint8Array<ArrayBuffer>[];
}

/** The buffers of a packet, each once: what is handed to another thread with it. */
export const buffersOf = ({ buffer, following }: Packet): ArrayBuffer[] => [
  ...new Set([buffer, ...following.map((bytes) => bytes.buffer)]),
];

/** A header to be sent. Its tensors are passed beside it. */
export type HeaderToSend = Omit<Partial<Header>, 'tensors' | 'attachments' | 'following'> & Pick<Header, 'id' | 'type'>;

const HEADER: Known<Header> = {
  id: true,
  type: true,
  model_name: true,
  platform: true,
  data: true,
  options: true,
  tensors: { name: true, dtype: true, shape: true, offset: true, byte_length: true },
  attachments: { id: true, tensor: true },
  following: true,
};

const align = (length: number): number => Math.ceil(length / ALIGN) * ALIGN;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Whether a tensor is not in its message. */
export const isLarge = ({ byteLength }: Uint8Array): boolean => byteLength >= ATTACHMENT_BYTES;

/** Puts a message into one buffer, without its large tensors. Each of the others is copied once. */
export function encode(header: HeaderToSend, tensors: readonly Tensor[] = []): Packet {
  const entries: TensorHeader[] = [];
  const following: number[] = [];
  let length = 0;
  tensors.forEach(({ name, dtype, shape, bytes }, index) => {
    const entry = { name, dtype, shape: [...shape], offset: 0, byte_length: bytes.byteLength };
    if (isLarge(bytes)) following.push(index);
    else {
      entry.offset = length;
      length = align(length + bytes.byteLength);
    }
    entries.push(entry);
  });
  const json = encoder.encode(JSON.stringify({ ...header, tensors: entries, ...(following.length > 0 ? { following } : {}) }));
  const body = align(PREFIX + json.byteLength);
  const buffer = new ArrayBuffer(body + length);
  writeHeader(buffer, json, body);
  const all = new Uint8Array(buffer);
  tensors.forEach(({ bytes }, index) => {
    if (!isLarge(bytes)) all.set(bytes, body + (entries[index] as TensorHeader).offset);
  });
  return { buffer, following: following.map((index) => (tensors[index] as Tensor).bytes) };
}

function writeHeader(buffer: ArrayBuffer, json: Uint8Array, body: number): void {
  new DataView(buffer).setUint32(0, body - PREFIX, true);
  const target = new Uint8Array(buffer, PREFIX, body - PREFIX);
  target.set(json);
  target.fill(0x20, json.byteLength);
}

/** Reads the header of a message. Throws `bad_request` where the bytes are no message. */
export function decode(buffer: ArrayBuffer): Frame {
  const bad = (found: string): PageFault =>
    new PageFault('bad_request', `Expected a header and then the bytes of its tensors, found ${found}.`);
  if (buffer.byteLength < PREFIX) throw bad(`a message of ${buffer.byteLength} bytes`);
  const length = new DataView(buffer).getUint32(0, true);
  const body = PREFIX + length;
  if (body > buffer.byteLength) throw bad(`a header of ${length} bytes in a message of ${buffer.byteLength}`);
  if (body % ALIGN !== 0) throw bad(`a header that ends at byte ${body}, not at a multiple of ${ALIGN}`);
  let header: Header;
  try {
    header = JSON.parse(decoder.decode(new Uint8Array(buffer, PREFIX, length))) as Header;
  } catch (error) {
    throw bad(`a header that is not JSON (${String(error)})`);
  }
  if (typeof header !== 'object' || header === null) throw bad('a header that is not an object');
  if (!Number.isSafeInteger(header.id) || header.id < 0) throw bad(`the id ${JSON.stringify(header.id)}`);
  if (typeof header.type !== 'string') throw bad(`the type ${JSON.stringify(header.type)}`);
  header.tensors ??= [];
  header.attachments ??= [];
  header.following ??= [];
  return { header, body, buffer };
}

/** Throws `bad_request` where a header has fields that the page does not know, or that only a page's has. */
export function checkHeader(header: Header): void {
  checkFields('the header', header, HEADER);
  if (header.following.length > 0)
    throw new PageFault('bad_request', `Expected large tensors of the host as attachments, found ${header.following.length} to follow.`);
}

/**
 * The tensors of a message, as views of its buffer and of the bodies of its
 * attachments. Throws `invalid_tensor` where an entry does not fit the bytes.
 */
export function tensorsOf({ header, body, buffer }: Frame, bodies: readonly ArrayBuffer[]): Tensor[] {
  const names = new Set<string>();
  const beside = bodiesOf(header, bodies);
  return header.tensors.map(({ name, dtype, shape, offset, byte_length }, index) => {
    const size = ELEMENT_SIZE[dtype];
    if (size === undefined) throw new PageFault('invalid_tensor', `Tensor ${name} has the unknown type ${dtype}.`);
    if (names.has(name)) throw new PageFault('invalid_tensor', `Tensor ${name} was sent twice.`);
    names.add(name);
    const expected = shape.reduce((product, dimension) => product * dimension, size);
    if (expected !== byte_length)
      throw new PageFault(
        'invalid_tensor',
        `Tensor ${name} of ${dtype} [${shape.join(', ')}] needs ${expected} bytes, found ${byte_length}.`,
      );
    const attached = beside.get(index);
    if (attached !== undefined) {
      if (attached.byteLength !== byte_length || offset !== 0)
        throw new PageFault(
          'invalid_tensor',
          `Tensor ${name} should be an attachment of ${byte_length} bytes at 0, found ${attached.byteLength} at ${offset}.`,
        );
      return { name, dtype, shape, bytes: new Uint8Array(attached) };
    }
    if (offset % ALIGN !== 0 || offset < 0 || body + offset + byte_length > buffer.byteLength)
      throw new PageFault(
        'invalid_tensor',
        `Tensor ${name} should lie at a multiple of ${ALIGN} within ${buffer.byteLength - body} bytes, found ` +
          `${byte_length} bytes at ${offset}.`,
      );
    return { name, dtype, shape, bytes: new Uint8Array(buffer, body + offset, byte_length) };
  });
}

/** The bodies of the attachments, by the index of their tensor. */
function bodiesOf({ tensors, attachments }: Header, bodies: readonly ArrayBuffer[]): Map<number, ArrayBuffer> {
  const found = new Map<number, ArrayBuffer>();
  attachments.forEach(({ tensor }, i) => {
    if (tensors[tensor] === undefined || found.has(tensor))
      throw new PageFault(
        'invalid_tensor',
        `Expected at most one attachment for each of ${tensors.length} tensors, found one more for tensor ${tensor}.`,
      );
    found.set(tensor, bodies[i] as ArrayBuffer);
  });
  return found;
}

/**
 * The answer to an `echo`: the same bytes with another header. The buffer is the
 * same too, where the new header fits into the space of the old: nothing is copied.
 */
export function echo(frame: Frame, bodies: readonly ArrayBuffer[]): Packet {
  const { id, tensors, attachments } = frame.header;
  const following = attachments.map(({ tensor }) => tensor);
  const json = encoder.encode(JSON.stringify({ id, type: 'result', tensors, ...(following.length > 0 ? { following } : {}) }));
  if (json.byteLength > frame.body - PREFIX) return encode({ id, type: 'result' }, tensorsOf(frame, bodies));
  writeHeader(frame.buffer, json, frame.body);
  return { buffer: frame.buffer, following: bodies.map((body) => new Uint8Array(body)) };
}
