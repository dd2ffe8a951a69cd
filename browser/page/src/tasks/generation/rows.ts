/** The answers of a request while they grow, one a row of the batch. Knows no model. */

import type { GenerateData, GeneratePart, GeneratedRow, RowToken, Sampling, StopReason } from '../../protocol.js';
import { type Answers, type Next, notFinite } from './answers.js';
import type { Constraint } from './schema/constraint.js';
import type { Following } from './decoder.js';
import { Processors } from './processors.js';
import { Sampler, Scratch } from './sampling.js';

interface Row {
  readonly ids: number[];
  stop: StopReason | null;
  /** Tokens that the decoder has of it, with those of the prompt: the last of the answer is not among them. */
  length: number;
}

export class Rows implements Answers {
  private readonly rows: Row[];
  private readonly stops: ReadonlySet<number>;
  private samplers: Sampler[] | null = null;

  /** `constraints` are what the answers keep to, one a row. */
  constructor(
    private readonly request: GenerateData,
    readonly given: readonly Int32Array[],
    private readonly constraints: readonly Constraint[] | null,
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

  /** Gives each answer that has not ended its next token. */
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
   * The others go on after a row has ended: its last slot in the cache is then written again, so that it needs no room.
   * Where rows must be `even`, it goes on instead.
   */
  next(even: boolean): Next {
    for (const row of this.rows) if (row.stop === null || even) row.length += 1;
    return {
      ids: Int32Array.from(this.rows, ({ ids }) => ids.at(-1) as number),
      lengths: this.rows.map(({ length }) => length),
      parents: null,
    };
  }

  /** None: every token is given when it comes. */
  rest(): GeneratePart[] {
    return [];
  }

  result(): GeneratedRow[] {
    return this.rows.map(({ ids, stop }) => ({ ids, stop: stop ?? 'interrupted' }));
  }

  private choose(following: Following, row: number, step: number): Omit<RowToken, 'row'> {
    if (following.logits === null) return { id: following.ids[row] as number, logprob: null, top: [] };
    const logits = following.logits(row);
    const chosen = this.samplersFor(logits.length)[row]?.choose(logits) ?? null;
    if (chosen !== null) return chosen;
    throw notFinite(step, row, this.rows.length);
  }

  private samplersFor(vocabulary: number): readonly Sampler[] {
    if (this.samplers === null) {
      const { logprobs, stop_ids, max_new_tokens } = this.request;
      const sampling = this.sampling();
      const scratch = new Scratch(vocabulary);
      this.samplers = this.given.map((ids, row) => {
        const processors = Processors.of({ sampling, stops: stop_ids, most: max_new_tokens }, ids);
        return new Sampler(sampling, logprobs, row, processors, scratch, this.constraints?.[row]);
      });
    }
    return this.samplers;
  }

  /** An answer with a constraint ends where that lets it, and nowhere else. */
  private sampling(): Sampling {
    const { sampling } = this.request;
    return this.constraints === null ? sampling : { ...sampling, min_new_tokens: 0, forced_end: null };
  }

  private reason({ ids }: Row, index: number): StopReason | null {
    const { max_new_tokens, context } = this.request;
    if (this.stops.has(ids.at(-1) as number)) return 'stop';
    if (ids.length >= max_new_tokens) return 'length';
    return ids.length + (this.given[index] as Int32Array).length >= context ? 'context' : null;
  }
}
