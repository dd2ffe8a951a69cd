/**
 * A message as bytes. First the length of the header as a little-endian u32. Then
 * the header as JSON, padded with spaces up to a multiple of 8. Then the bytes of
 * the tensors, each at a multiple of 8. Knows nothing of sockets, nor of what a
 * message asks.
 */

import { PageFault } from '../errors.js';
import type { DType, Header, TensorHeader } from '../protocol.js';

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

/** A named tensor. `bytes` is a view of the message that was received, not a copy. */
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

/** A header to be sent. Its tensors are passed beside it. */
export type HeaderToSend = Omit<Partial<Header>, 'tensors'> & Pick<Header, 'id' | 'type'>;

const align = (length: number): number => Math.ceil(length / ALIGN) * ALIGN;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Puts a message into one buffer. Each tensor is copied once. */
export function encode(header: HeaderToSend, tensors: readonly Tensor[] = []): ArrayBuffer {
  const entries: TensorHeader[] = [];
  let length = 0;
  for (const { name, dtype, shape, bytes } of tensors) {
    entries.push({ name, dtype, shape: [...shape], offset: length, byte_length: bytes.byteLength });
    length = align(length + bytes.byteLength);
  }
  const json = encoder.encode(JSON.stringify({ ...header, tensors: entries }));
  const body = align(PREFIX + json.byteLength);
  const buffer = new ArrayBuffer(body + length);
  writeHeader(buffer, json, body);
  const all = new Uint8Array(buffer);
  entries.forEach((entry, i) => all.set((tensors[i] as Tensor).bytes, body + entry.offset));
  return buffer;
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
  return { header, body, buffer };
}

/** The tensors of a message, as views of its buffer. Throws `invalid_tensor` where an entry does not fit the bytes. */
export function tensorsOf({ header, body, buffer }: Frame): Tensor[] {
  const names = new Set<string>();
  return header.tensors.map(({ name, dtype, shape, offset, byte_length }) => {
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
    if (offset % ALIGN !== 0 || offset < 0 || body + offset + byte_length > buffer.byteLength)
      throw new PageFault(
        'invalid_tensor',
        `Tensor ${name} should lie at a multiple of ${ALIGN} within ${buffer.byteLength - body} bytes, found ` +
          `${byte_length} bytes at ${offset}.`,
      );
    return { name, dtype, shape, bytes: new Uint8Array(buffer, body + offset, byte_length) };
  });
}

/**
 * The answer to an `echo`: the same buffer with another header, where the new
 * one fits into the space of the old; so 16 MiB go back without being copied.
 */
export function echo(frame: Frame): ArrayBuffer {
  const { id, tensors } = frame.header;
  const json = encoder.encode(JSON.stringify({ id, type: 'result', tensors }));
  if (json.byteLength > frame.body - PREFIX) return encode({ id, type: 'result' }, tensorsOf(frame));
  writeHeader(frame.buffer, json, frame.body);
  return frame.buffer;
}
