/**
 * What a row's logits, or the logarithms of its probabilities, are changed by before tokens are chosen. The steps and
 * their order are those of transformers' logits processors (`generation/logits_process.py`). Penalties for what an answer
 * has already are OpenAI's. Knows neither graphs nor devices.
 */

import type { Sampling } from '../../protocol.js';

/** How the tokens of an answer are limited. */
export interface Limits {
  readonly sampling: Sampling;
  /** Tokens that end the answer. */
  readonly stops: Iterable<number>;
  /** Tokens that the answer may have. */
  readonly most: number;
}

/** The processors of one row. */
export class Processors {
  private constructor(
    private readonly limits: Limits,
    /** How often the answer has a token. */
    private readonly counts: Map<number, number>,
    /** The tokens of prompt and answer. */
    private readonly seen: Set<number>,
    /** The same in their order. */
    private readonly ids: number[],
    /** Tokens of the answer. */
    private made: number,
  ) {}

  /** `prompt` is what the decoder is given before the answer. */
  static of(limits: Limits, prompt: Iterable<number>): Processors {
    const ids = [...prompt];
    return new Processors(limits, new Map(), new Set(ids), ids, 0);
  }

  /** Those of an answer that goes on like this one, and becomes another one. */
  copy(): Processors {
    return new Processors(this.limits, new Map(this.counts), new Set(this.seen), [...this.ids], this.made);
  }

  /** The answer got this token. */
  add(id: number): void {
    this.ids.push(id);
    this.made += 1;
    this.seen.add(id);
    this.counts.set(id, (this.counts.get(id) ?? 0) + 1);
  }

  /** Changes what a model says of the token that follows. */
  apply(scores: Float32Array): void {
    this.penalise(scores);
    this.forbid(scores);
  }

  private penalise(scores: Float32Array): void {
    const { repetition_penalty, frequency_penalty, presence_penalty } = this.limits.sampling;
    if (repetition_penalty !== 1)
      for (const id of this.seen) {
        const score = scores[id] as number;
        scores[id] = score < 0 ? score * repetition_penalty : score / repetition_penalty;
      }
    if (frequency_penalty !== 0 || presence_penalty !== 0)
      for (const [id, count] of this.counts) scores[id] = (scores[id] as number) - count * frequency_penalty - presence_penalty;
  }

  /** Takes out tokens that may not come, or all but the one that must. */
  private forbid(scores: Float32Array): void {
    const { sampling, stops, most } = this.limits;
    const { no_repeat_ngram, suppressed, min_new_tokens, forced_end } = sampling;
    for (const id of suppressed) scores[id] = -Infinity;
    if (no_repeat_ngram > 0) for (const id of followers(this.ids, no_repeat_ngram)) scores[id] = -Infinity;
    if (this.made < min_new_tokens) for (const id of stops) scores[id] = -Infinity;
    if (forced_end !== null && most - this.made === 1) {
      scores.fill(-Infinity);
      scores[forced_end] = 0;
    }
  }
}

/** The tokens that would end a sequence of `length` tokens which `ids` has already. */
function* followers(ids: readonly number[], length: number): Generator<number> {
  const before = length - 1;
  const last = ids.length - before;
  for (let start = 0; start + before < ids.length; start++) {
    let same = 0;
    while (same < before && ids[start + same] === ids[last + same]) same += 1;
    if (same === before) yield ids[start + before] as number;
  }
}
