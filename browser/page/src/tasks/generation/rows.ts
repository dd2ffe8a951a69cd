/** The answers of a request while they grow, one a row of the batch. Knows no model. */

import { PageFault } from '../../errors.js';
import type { GenerateData, GeneratePart, GeneratedRow, RowToken, StopReason } from '../../protocol.js';
import type { Following } from './decoder.js';
import { Sampler, Scratch } from './sampling.js';

interface Row {
  readonly ids: number[];
  stop: StopReason | null;
  /** Tokens that the decoder has of it, with those of the prompt: the last of the answer is not among them. */
  length: number;
}

export class Rows {
  private readonly rows: Row[];
  private readonly stops: ReadonlySet<number>;
  private samplers: Sampler[] | null = null;

  /** `given` is what the decoder is given before the answers. */
  constructor(
    private readonly request: GenerateData,
    private readonly given: readonly Int32Array[],
  ) {
    this.stops = new Set(request.stop_ids);
    this.rows = given.map(({ length }) => ({ ids: [], stop: null, length }));
  }

  /** Whether every answer has ended. */
  get ended(): boolean {
    return this.rows.every(({ stop }) => stop !== null);
  }

  /** Tokens of all answers. */
  get tokens(): number {
    return this.rows.reduce((sum, { ids }) => sum + ids.length, 0);
  }

  /** Gives each answer that has not ended its next token. `step` counts from 1. */
  take(following: Following, step: number): GeneratePart {
    const tokens: RowToken[] = [];
    this.rows.forEach((row, index) => {
      if (row.stop !== null) return;
      const token = this.choose(following, index, step);
      row.ids.push(token.id);
      this.samplers?.[index]?.add(token.id);
      row.stop = this.reason(row, index);
      tokens.push({ row: index, ...token });
    });
    return { tokens };
  }

  /**
   * The next run's tokens, `[rows]`, and how many each row has then. The others go on after a row has ended: its last
   * slot in the cache is then written again, so that it needs no room. Where rows must be `even`, it goes on instead.
   */
  next(even: boolean): { ids: Int32Array; lengths: number[] } {
    for (const row of this.rows) if (row.stop === null || even) row.length += 1;
    return {
      ids: Int32Array.from(this.rows, ({ ids }) => ids.at(-1) as number),
      lengths: this.rows.map(({ length }) => length),
    };
  }

  /** What there is. Answers that have not ended were interrupted. */
  result(): GeneratedRow[] {
    return this.rows.map(({ ids, stop }) => ({ ids, stop: stop ?? 'interrupted' }));
  }

  private choose(following: Following, row: number, step: number): Omit<RowToken, 'row'> {
    if (following.logits === null) return { id: following.ids[row] as number, logprob: null, top: [] };
    const logits = following.logits(row);
    const chosen = this.samplersFor(logits.length)[row]?.choose(logits) ?? null;
    if (chosen !== null) return chosen;
    throw new PageFault(
      'not_finite',
      `Expected finite logits at step ${step}, found NaN among those of row ${row + 1} of ${this.rows.length}, or none that is finite.`,
    );
  }

  private samplersFor(vocabulary: number): readonly Sampler[] {
    if (this.samplers === null) {
      const { sampling, logprobs, max_new_tokens } = this.request;
      const scratch = new Scratch(vocabulary);
      this.samplers = this.given.map((ids, row) => new Sampler(sampling, logprobs, row, ids, max_new_tokens, scratch));
    }
    return this.samplers;
  }

  private reason({ ids }: Row, index: number): StopReason | null {
    const { max_new_tokens, context } = this.request;
    if (this.stops.has(ids.at(-1) as number)) return 'stop';
    if (ids.length >= max_new_tokens) return 'length';
    return ids.length + (this.given[index] as Int32Array).length >= context ? 'context' : null;
  }
}
