/**
 * JSON of a schema, a byte at a time. The machine is that of transformers.js' structured output (4.3.0); here is what it
 * leaves out:
 *
 * - It closes lists after a comma, writes bytes that are no UTF-8, and begins numbers and escapes that it cannot end.
 * - It looks at `$ref` and `anyOf` only when a value ends. Here the schemas that they name are followed from its first byte,
 *   several side by side where several may hold.
 *
 * Knows no tokens.
 */

import type { Engine, JSONSchema } from '../../../runtime/structured-output.js';
import { mayBegin } from './numbers.js';
import { START, WRONG, after } from './utf8.js';

type Compiled = ReturnType<Engine['compileJsonSchema']>;
type Json = Compiled['initial'];
type Keywords = Exclude<JSONSchema, boolean>;

/** One way in which a text may be JSON of the schema. */
interface Way {
  readonly json: Json;
  /** Whether nothing but white space came after a comma. */
  readonly comma: boolean;
}

export interface State {
  readonly ways: readonly Way[];
  /** The state of UTF-8. */
  readonly text: number;
}

/** Ways that are followed side by side. Others are dropped. */
const WAYS = 16;
/** References that lead from one schema to the next. */
const DEPTH = 32;

const codes = (text: string): number[] => Array.from(text, (character) => character.charCodeAt(0));
/** What stands for a character after a backslash, but for `u`. */
const ESCAPES = codes('"\\/bfnrt');
/** What values begin with. */
const FIRST = codes('"{[tfn-0123456789');

/** Keywords that say nothing of a value. */
const ANNOTATIONS = new Set([
  'title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly', '$comment', '$schema', '$defs', 'definitions',
]); // prettier-ignore

export class Machine {
  readonly initial: State;
  private readonly compiled: Compiled;

  /** `longest` is the greatest number of bytes of a token. Throws where the schema is not known. */
  constructor(
    { compileJsonSchema }: Engine,
    private readonly schema: JSONSchema,
    longest: number,
  ) {
    this.compiled = compileJsonSchema(schema, longest);
    this.initial = { ways: [{ json: this.compiled.initial, comma: false }], text: START };
  }

  /** The state after a byte; the same one after white space that changes nothing, `null` where the byte may not come. */
  next(state: State, byte: number): State | null {
    const text = after(state.text, byte);
    if (text === WRONG) return null;
    const [way] = state.ways;
    if (state.ways.length === 1 && way !== undefined) {
      const ways = this.follow(way, byte);
      if (ways.length === 1 && ways[0] === way && text === state.text) return state;
      return ways.length === 0 ? null : { ways, text };
    }
    const ways = state.ways.map((way) => this.follow(way, byte));
    if (ways.every((found, index) => found.length === 1 && found[0] === state.ways[index])) return state;
    const all = ways.flat().slice(0, WAYS);
    return all.length === 0 ? null : { ways: all, text };
  }

  /** The same state with ways that have become one. */
  merged(state: State): State {
    if (state.ways.length === 1) return state;
    const ways = new Map(state.ways.map((way, index) => [this.keyOf(way) ?? index, way]));
    return ways.size === state.ways.length ? state : { ...state, ways: [...ways.values()] };
  }

  /** Whether the text may end. */
  accepts({ ways, text }: State): boolean {
    return text === START && ways.some(({ json }) => this.compiled.accepting(json));
  }

  /** How many characters of any kind may follow in the string that the text is in; `null` where it is in none. */
  capacity({ ways, text }: State): number | null {
    const found = ways.map(({ json }) => (isOpenKey(json) ? Infinity : this.compiled.stringCapacity?.(json)));
    return text === START && found.every((capacity) => capacity !== undefined) ? Math.max(...found) : null;
  }

  /** States of one key let the same bytes follow; `null` where it would be too long. */
  key({ ways, text }: State): string | null {
    const keys = ways.map((way) => this.keyOf(way));
    return keys.includes(null) ? null : [text, ...keys].join('\n');
  }

  private keyOf({ json, comma }: Way): string | null {
    const key = this.compiled.maskKey?.(json);
    return key === undefined ? null : `${comma ? ',' : ''}${key}`;
  }

  private follow(way: Way, byte: number): Way[] {
    const { json, comma } = way;
    if (comma && (byte === 0x5d || byte === 0x7d)) return [];
    const found: Way[] = [];
    for (const schema of isStart(json, byte) ? this.branches(json, json.schema as JSONSchema, byte, DEPTH) : [json.schema]) {
      const next = this.compiled.transition(schema === json.schema ? json : { ...json, schema }, byte);
      if (next === json) return [way];
      const then = { json: next, comma: isAfterComma(next, byte) };
      if (this.compiled.viable(next) && this.mayGoOn(json, then, byte)) found.push(then);
    }
    return found;
  }

  /** Whether what a byte leads to can be ended. */
  private mayGoOn(before: Json, { json, comma }: Way, byte: number): boolean {
    const { compiled } = this;
    // UTF-16 is not written by halves, and not at all where few texts may stand.
    if (byte === 0x75 && isOfFew(before)) return before.mode !== 'escape' && before.mode !== 'key-escape';
    switch (json.mode) {
      case 'number':
        return mayBegin(json.schema as JSONSchema, json.text ?? '');
      case 'unicode':
        return !/^d[89a-f]/i.test(json.text ?? '');
      case 'escape':
      case 'key-escape':
        return !isOfFew(json) || ESCAPES.some((escape) => compiled.viable(compiled.transition(json, escape)));
      case 'array-value':
        return !comma || FIRST.some((first) => this.follow({ json, comma }, first).length > 0);
      case 'object-key':
        return !comma || !isFull(json);
      default:
        return true;
    }
  }

  /** The schemas of which one holds where this one does, for a value that begins with a byte. */
  private branches(json: Json, schema: JSONSchema, byte: number, depth: number): JSONSchema[] {
    if (typeof schema === 'boolean' || depth === 0) return [schema];
    const each = (all: readonly unknown[]): JSONSchema[] => all.flatMap((one) => this.branches(json, one as JSONSchema, byte, depth - 1));
    const { $ref, allOf, anyOf, oneOf } = schema;
    if (typeof $ref === 'string' && isAlone(schema, '$ref')) {
      const found = resolve(this.schema, $ref);
      return found === null ? [schema] : each([found]);
    }
    if (Array.isArray(allOf) && allOf.length === 1 && isAlone(schema, 'allOf')) return each(allOf);
    if (Array.isArray(anyOf) && isAlone(schema, 'anyOf')) return each(anyOf);
    if (!Array.isArray(oneOf) || !isAlone(schema, 'oneOf')) return [schema];
    // Where one alone may hold, none of the others does.
    const open = oneOf.filter((one) => this.compiled.viable(this.compiled.transition({ ...json, schema: one as Keywords }, byte)));
    return open.length > 1 ? [schema] : each(open);
  }
}

const isAlone = (schema: Keywords, keyword: string): boolean => Object.keys(schema).every((key) => key === keyword || ANNOTATIONS.has(key));

/** Whether a byte is the first of a value. */
const isStart = ({ mode }: Json, byte: number): boolean => (mode === 'value' || mode === 'array-value') && byte !== 0x5d && byte > 0x20;

/** Whether a byte has made place for a member of a list, other than for the first one. */
const isAfterComma = ({ mode }: Json, byte: number): boolean => (mode === 'object-key' || mode === 'array-value') && byte !== 0x7b && byte !== 0x5b;

/** Whether a string is a key, or one of few. */
const isOfFew = ({ mode, schema }: Json): boolean =>
  mode.startsWith('key-') || (typeof schema === 'object' && (schema['const'] !== undefined || schema['enum'] !== undefined));

/** Whether a text is in a key that may be any. The engine tells this of other strings alone. */
function isOpenKey({ mode, stack }: Json): boolean {
  const frame = stack.at(-1);
  if (mode !== 'key-string' || frame?.kind !== 'object') return false;
  const { schema } = frame;
  if (typeof schema === 'boolean') return true;
  const { $ref, allOf, anyOf, oneOf, additionalProperties, patternProperties } = schema;
  return [$ref, allOf, anyOf, oneOf].every((keyword) => keyword === undefined) && (additionalProperties !== false || patternProperties !== undefined);
}

/** Whether an object has as many keys as it may. */
function isFull({ stack }: Json): boolean {
  const frame = stack.at(-1);
  if (frame?.kind !== 'object' || typeof frame.schema === 'boolean') return false;
  const most = frame.schema['maxProperties'];
  return typeof most === 'number' && frame.entries.length >= most;
}

/** The schema that a reference of the form `#/a/b` names; `null` for others. */
function resolve(root: JSONSchema, reference: string): JSONSchema | null {
  if (!/^#(\/|$)/.test(reference)) return null;
  let found: unknown = root;
  for (const part of decodeURIComponent(reference).split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return null;
    found = (found as Record<string, unknown>)[key];
  }
  return typeof found === 'boolean' || (typeof found === 'object' && found !== null) ? (found as JSONSchema) : null;
}
