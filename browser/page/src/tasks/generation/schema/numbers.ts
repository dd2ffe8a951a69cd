/**
 * What the text of a number may begin with, by the keywords that stand beside each other in one schema. The engine asks only
 * when a number ends: until then it would let a model write what can no longer become a number of the schema.
 */

import type { JSONSchema } from '../../../runtime/structured-output.js';

/** Digits before the point, after it, and of an exponent. More would say nothing, or be infinite. */
const DIGITS = /^-?\d{0,30}(\.\d{0,17})?([eE][+-]?\d{0,2})?$/;

/** Whether some number that a schema allows begins with `text`, a prefix of JSON's syntax. */
export function mayBegin(schema: JSONSchema, text: string): boolean {
  if (typeof schema === 'boolean') return DIGITS.test(text);
  const values = schema['const'] === undefined ? schema['enum'] : [schema['const']];
  if (Array.isArray(values)) return values.some((value) => typeof value === 'number' && JSON.stringify(value).startsWith(text));
  const types = [schema['type']].flat();
  const grid = numeric(schema['multipleOf']) ?? (types.includes('integer') && !types.includes('number') ? 1 : null);
  const least = bound(schema['minimum'], schema['exclusiveMinimum'], 1);
  const most = bound(schema['maximum'], schema['exclusiveMaximum'], -1);
  return grid === null && least === null && most === null ? DIGITS.test(text) : reaches(text, { least, most, grid });
}

interface Bound {
  readonly at: number;
  /** Whether the number itself is left out. */
  readonly open: boolean;
}

interface Range {
  readonly least: Bound | null;
  readonly most: Bound | null;
  /** What numbers are multiples of. */
  readonly grid: number | null;
}

/** The stricter of two bounds: the greater one where `side` is 1, the smaller one where it is -1. */
function bound(closed: unknown, open: unknown, side: 1 | -1): Bound | null {
  const [at, other] = [numeric(closed), numeric(open)];
  if (other !== null && (at === null || other * side >= at * side)) return { at: other, open: true };
  return at === null ? null : { at, open: false };
}

function reaches(text: string, { least, most, grid }: Range): boolean {
  // Without an exponent: digits that follow only add to the magnitude.
  const [, sign, digits = '', fraction] = /^(-?)(\d*)(\.\d*)?$/.exec(text) ?? [];
  if (sign === undefined || !DIGITS.test(text)) return false;
  const range = sign === '' ? { least, most, grid } : { least: mirrored(most), most: mirrored(least), grid };
  if (digits === '') return range.most === null || range.most.at >= 0;
  const magnitude = Number(digits + (fraction ?? ''));
  if (fraction !== undefined) return holds(magnitude, magnitude + 10 ** (1 - fraction.length), range);
  if (magnitude === 0) return holds(0, 1, range);
  for (let scale = 1; magnitude * scale <= (range.most?.at ?? Infinity) && scale <= 1e30; scale *= 10)
    if (holds(magnitude * scale, (magnitude + 1) * scale, range)) return true;
  return false;
}

const mirrored = (bound: Bound | null): Bound | null => bound && { ...bound, at: -bound.at };

/** Whether a number of the range is at least `from` and below `to`. */
function holds(from: number, to: number, { least, most, grid }: Range): boolean {
  let first = Math.max(from, least?.at ?? -Infinity);
  let near = 0;
  if (grid !== null) {
    // The last digits of a double are no digits of the number.
    near = 1e-9 * Math.max(grid, first);
    first = Math.ceil((first - near) / grid) * grid;
    if (least?.open && first <= least.at + near) first += grid;
  }
  return first < to && (most === null || (most.open ? first < most.at - near : first <= most.at + near));
}

const numeric = (value: unknown): number | null => (typeof value === 'number' ? value : null);
