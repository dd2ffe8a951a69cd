/** The searches of a request for the likeliest answer to each of its prompts. Knows no model. */

import type { Beams, GenerateData, GeneratePart, GeneratedRow, RowToken, StopReason } from '../../protocol.js';
import { type Answers, type Next, notFinite } from './answers.js';
import { BeamSearch } from './beam-search.js';
import type { Following } from './decoder.js';
import { Processors } from './processors.js';
import { logSum, mostLikely } from './sampling.js';

/** Each answer that is kept is a row of the decoder; those of a prompt stand together. */
export class Searches implements Answers {
  readonly given: readonly Int32Array[];
  private readonly searches: readonly BeamSearch[];
  private readonly stops: ReadonlySet<number>;
  /** Tokens that the decoder has of each prompt and its answers. */
  private readonly lengths: number[];
  private scores = new Float32Array();

  constructor(
    private readonly request: GenerateData,
    private readonly beams: Beams,
    prompts: readonly Int32Array[],
  ) {
    const { sampling, stop_ids, max_new_tokens, decoder_ids } = request;
    const stops = new Set(stop_ids);
    this.stops = stops;
    this.given = prompts.flatMap((prompt) => Array.from({ length: beams.count }, () => prompt));
    this.lengths = prompts.map(({ length }) => length);
    this.searches = prompts.map((prompt) => {
      const most = Math.min(max_new_tokens, request.context - prompt.length);
      const settings = { ...beams, stops, most, forced: Math.max(0, decoder_ids.length - 1) };
      return new BeamSearch(settings, Processors.of({ sampling, stops, most: max_new_tokens }, prompt));
    });
  }

  get ended(): boolean {
    return this.searches.every(({ done }) => done);
  }

  get tokens(): number {
    return this.searches.reduce((sum, { length }) => sum + length, 0);
  }

  /** Nothing is certain before the end. */
  take(following: Following, step: number): GeneratePart {
    this.searches.forEach((search, prompt) => {
      if (!search.done) search.take((beam) => this.logarithms(following, prompt * this.beams.count + beam, step));
    });
    return { tokens: [] };
  }

  /** As with `Rows`, those that have ended write their last slot in the cache again, unless rows must be `even`. */
  next(even: boolean): Next {
    const { count } = this.beams;
    this.searches.forEach(({ done }, prompt) => {
      if (!done || even) (this.lengths[prompt] as number) += 1;
    });
    const rows = this.searches.flatMap(({ done, next }, prompt) => next.map(({ id, parent }, beam) => ({ id, prompt, parent: prompt * count + (done ? beam : parent) })));
    return {
      ids: Int32Array.from(rows, ({ id }) => id),
      lengths: rows.map(({ prompt }) => this.lengths[prompt] as number),
      parents: rows.map(({ parent }) => parent),
    };
  }

  /** Each step of the answers is a part. After an interruption all are one: then no part is sent without credit. */
  rest(): GeneratePart[] {
    const found = this.found();
    const tokensAt = (step: number): RowToken[] =>
      found.flatMap((ids, row) => ids.slice(step, step + 1).map((id) => ({ row, id, logprob: null, top: [] })));
    const steps = Array.from({ length: Math.max(...found.map(({ length }) => length)) }, (_, step) => tokensAt(step));
    return this.ended ? steps.map((tokens) => ({ tokens })) : [{ tokens: steps.flat() }];
  }

  result(): GeneratedRow[] {
    return this.found().map((ids, prompt) => ({ ids, stop: this.reason(ids, prompt) }));
  }

  /** The best answer to each prompt. */
  private found(): number[][] {
    return this.searches.map((search) => search.result().ids);
  }

  private reason(ids: readonly number[], prompt: number): StopReason {
    if (this.searches[prompt]?.done !== true) return 'interrupted';
    if (this.stops.has(ids.at(-1) as number)) return 'stop';
    return ids.length >= this.request.max_new_tokens ? 'length' : 'context';
  }

  /** The logarithms of the probabilities of what follows a row. */
  private logarithms({ logits }: Following, row: number, step: number): Float32Array {
    const values = logits?.(row) ?? new Float32Array();
    const best = mostLikely(values);
    if (best === null) throw notFinite(step, row, this.given.length);
    const sum = logSum(values, values[best] as number);
    if (this.scores.length !== values.length) this.scores = new Float32Array(values.length);
    for (let id = 0; id < values.length; id++) this.scores[id] = (values[id] as number) - sum;
    return this.scores;
  }
}
