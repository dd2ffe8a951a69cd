/** The answers of a request while they grow, as the loop that generates sees them. */

import { PageFault } from '../../errors.js';
import type { GeneratedRow, GeneratePart } from '../../protocol.js';
import type { Following } from './decoder.js';

/** What a decoder is given for one token more of each of its rows. */
export interface Next {
  /** `[rows]`. */
  readonly ids: Int32Array;
  /** Tokens that each row has then. */
  readonly lengths: readonly number[];
  /** The row of the run before that each row goes on from; `null` where each goes on from itself. */
  readonly parents: readonly number[] | null;
}

export interface Answers {
  /** What the decoder is given first, one a row. */
  readonly given: readonly Int32Array[];
  /** Whether every answer has ended. */
  readonly ended: boolean;
  /** Tokens of all answers. */
  readonly tokens: number;
  /** Takes what follows. `step` counts from 1. Gives what is certain by then. */
  take(following: Following, step: number): GeneratePart;
  /** Where rows must be `even`, those of answers that have ended go on with the others. */
  next(even: boolean): Next;
  /** Parts that come after the last step. */
  rest(): Iterable<GeneratePart>;
  /** What there is, one a prompt. Answers that have not ended were interrupted. */
  result(): GeneratedRow[];
}

export const notFinite = (step: number, row: number, rows: number): PageFault =>
  new PageFault('not_finite', `Expected finite logits at step ${step}, found NaN among those of row ${row + 1} of ${rows}, or none that is finite.`);
