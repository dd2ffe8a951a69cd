/**
 * Which fields a message of the host may have. A field that the page does not know
 * is refused: ignoring it would answer another request than the one that was made.
 */

import { PageFault } from '../errors.js';

/** The fields of a type, and of the objects in it. The compiler allows no other list than the one of the type. */
export type Known<T> = T extends readonly (infer Item)[]
  ? Known<NonNullable<Item>>
  : T extends object
    ? { readonly [Key in keyof T]-?: Known<NonNullable<T[Key]>> }
    : true;

/** The fields of a type that is not known. */
export type AnyKnown = true | { readonly [field: string]: AnyKnown };

/** Throws `bad_request` where `value` has a field that `known` does not have. `what` completes "a field of …". */
export function checkFields(what: string, value: unknown, known: AnyKnown): void {
  if (known === true || typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) return value.forEach((item) => checkFields(what, item, known));
  for (const [field, inner] of Object.entries(value)) {
    const of = Object.hasOwn(known, field) ? known[field] : undefined;
    if (of === undefined)
      throw new PageFault(
        'bad_request',
        `Expected one of ${Object.keys(known).join(', ')} as a field of ${what}, found ${field}.`,
      );
    checkFields(`${what}.${field}`, inner, of);
  }
}
