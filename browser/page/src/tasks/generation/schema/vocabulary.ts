/** The tokens of a model as bytes, and what is prepared of them once for all schemas. Knows no model. */

import { PageFault } from '../../../errors.js';
import type { Tensor } from '../../../link/frame.js';
import { Trie } from './trie.js';
import { START, WRONG, after } from './utf8.js';

const BLANKS = new Set([0x09, 0x0a, 0x0d, 0x20]);

export class Vocabulary {
  /** Tokens that are nothing but the white space of JSON. */
  readonly blanks: readonly number[];
  /** All tokens that have bytes. */
  readonly all: Trie;
  /** Those of them that may not stand in every string. */
  readonly special: Trie;
  /** Characters of the others; 0 for those that are special. */
  readonly characters: Int32Array;
  /** Bytes of the longest token. */
  readonly longest: number;
  private readonly tokens: readonly Uint8Array[];

  private constructor(
    private readonly bytes: Uint8Array,
    private readonly ends: Int32Array,
  ) {
    this.tokens = Array.from(ends, (end, id) => bytes.subarray(id === 0 ? 0 : ends[id - 1], end));
    this.characters = Int32Array.from(this.tokens, charactersOf);
    const ids = Array.from(this.tokens.keys()).filter((id) => this.of(id).length > 0);
    this.all = new Trie(this.tokens, ids);
    this.special = new Trie(this.tokens, ids.filter((id) => this.characters[id] === 0));
    this.blanks = ids.filter((id) => this.of(id).every((byte) => BLANKS.has(byte)));
    this.longest = ids.reduce((most, id) => Math.max(most, this.of(id).length), 0);
  }

  get size(): number {
    return this.tokens.length;
  }

  /** The bytes of a token. */
  of(id: number): Uint8Array {
    return this.tokens[id] as Uint8Array;
  }

  /** That of the tensors of a request. It takes some hundred milliseconds, unless it is that of the last request. */
  static from(tensors: readonly Tensor[]): Vocabulary {
    const { bytes, ends } = read(tensors);
    if (last === null || !same(bytes, last.bytes) || !same(ends, last.ends)) {
      last = null;
      // Copies: what was received may be given back.
      last = new Vocabulary(bytes.slice(), ends.slice());
    }
    return last;
  }
}

let last: Vocabulary | null = null;

/** The tensors `token_bytes` and `token_ends`. */
function read(tensors: readonly Tensor[]): { bytes: Uint8Array; ends: Int32Array } {
  const [bytes, ends] = ['token_bytes', 'token_ends'].map((name) => tensors.find((tensor) => tensor.name === name));
  if (bytes?.dtype !== 'uint8' || ends?.dtype !== 'int32')
    throw new PageFault('bad_request', 'Expected with a schema the tensors token_bytes as uint8 and token_ends as int32, found others.');
  const values = new Int32Array(ends.bytes.buffer, ends.bytes.byteOffset, ends.bytes.byteLength / 4);
  if (values.some((end, id) => end < (values[id - 1] ?? 0)) || (values.at(-1) ?? 0) !== bytes.bytes.length)
    throw new PageFault('bad_request', `Expected token_ends to grow up to the ${bytes.bytes.length} bytes of token_bytes, found others.`);
  return { bytes: bytes.bytes, ends: values };
}

/** The number of a token's characters; 0 where it has others than a JSON string has without escapes, or not all bytes of one. */
function charactersOf(token: Uint8Array): number {
  let state = START;
  let count = 0;
  for (const byte of token) {
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c) return 0;
    if (state === START) count += 1;
    state = after(state, byte);
    if (state === WRONG) return 0;
  }
  return state === START ? count : 0;
}

const same = (a: Uint8Array | Int32Array, b: Uint8Array | Int32Array): boolean => a.length === b.length && a.every((value, place) => value === b[place]);
