/**
 * Which token follows, by the logits of a row. The cuts and their order are those of transformers' logits processors
 * (`generation/logits_process.py`), which `test/unit/sampling.test.ts` compares with. Knows neither graphs nor devices.
 */

import type { GenerateData, Sampling } from '../../protocol.js';
import type { Constraint } from './schema/constraint.js';
import { descending, largest } from './order.js';
import type { Processors } from './processors.js';
import { random } from './random.js';

/** A token that was chosen. Its numbers are natural logarithms of probabilities. */
export interface Chosen {
  readonly id: number;
  /** `null` where it was not asked for. */
  readonly logprob: number | null;
  /** The most likely tokens, the most likely first; empty where they were not asked for. */
  readonly top: Array<[number, number]>;
}

/** Whether the graph's own choice, the most likely token, will do: then nobody has to look at logits. */
export const isPlain = ({ sampling, logprobs, beams, schema }: Pick<GenerateData, 'sampling' | 'logprobs' | 'beams' | 'schema'>): boolean =>
  logprobs === null &&
  beams === null &&
  schema === null &&
  sampling.temperature === 0 &&
  sampling.repetition_penalty === 1 &&
  sampling.frequency_penalty === 0 &&
  sampling.presence_penalty === 0 &&
  sampling.no_repeat_ngram === 0 &&
  sampling.suppressed.length === 0 &&
  sampling.min_new_tokens === 0 &&
  sampling.forced_end === null;

/** Room for the work on one row of logits. It is used again for every row and every token. */
export class Scratch {
  readonly scores: Float32Array;
  readonly ids: Int32Array;

  constructor(vocabulary: number) {
    this.scores = new Float32Array(vocabulary);
    this.ids = new Int32Array(vocabulary);
  }
}

/** Chooses the tokens of one row. */
export class Sampler {
  private readonly draw: () => number;

  constructor(
    private readonly sampling: Sampling,
    private readonly logprobs: number | null,
    row: number,
    private readonly processors: Processors,
    private readonly scratch: Scratch,
    /** What the answer has to keep to. */
    private readonly constraint: Constraint | null = null,
  ) {
    this.draw = random(sampling.seed, row);
  }

  /** The answer got this token. */
  add(id: number): void {
    this.processors.add(id);
    this.constraint?.add(id);
  }

  /** The token that follows. `null` where the logits have a NaN, or none that is finite. They are not changed. */
  choose(logits: Float32Array): Chosen | null {
    const { scores } = this.scratch;
    scores.set(logits);
    this.processors.apply(scores);
    this.constraint?.limit(scores);
    const best = mostLikely(scores);
    if (best === null) return null;
    const id = this.sampling.temperature === 0 ? best : this.drawn(best);
    if (this.logprobs === null) return { id, logprob: null, top: [] };
    const sum = logSum(scores, scores[best] as number);
    const of = (token: number): number => (scores[token] as number) - sum;
    return { id, logprob: of(id), top: Array.from(largest(scores, this.logprobs), (token) => [token, of(token)]) };
  }

  /** One of the tokens that the cuts leave, each as often as its probability says. */
  private drawn(best: number): number {
    const kept = cut(this.scratch, this.sampling, best);
    const weight = weightOf(this.scratch, this.sampling, best);
    let sum = 0;
    for (const id of kept) sum += weight(id);
    let rest = this.draw() * sum;
    for (const id of kept) {
      rest -= weight(id);
      if (rest < 0) return id;
    }
    // What rounding left of the sum.
    return best;
  }
}

/** How likely a token is beside the most likely one. */
function weightOf({ scores }: Scratch, { temperature }: Sampling, best: number): (id: number) => number {
  const most = scores[best] as number;
  return (id) => Math.exp(((scores[id] as number) - most) / temperature);
}

/**
 * The tokens that `top_k`, `top_p` and `min_p` leave, of the scores in `scratch`. As in transformers, tokens as likely as
 * the last of `top_k` stay, and the most likely one always does.
 */
export function cut(scratch: Scratch, sampling: Sampling, best: number): Int32Array {
  const { scores, ids } = scratch;
  const { top_k, top_p, min_p } = sampling;
  const weight = weightOf(scratch, sampling, best);
  const least = top_k === null || top_k >= scores.length ? -Infinity : (scores[largest(scores, Math.max(1, top_k)).at(-1) as number] as number);
  let size = 0;
  let sum = 0;
  for (let id = 0; id < scores.length; id++) {
    if ((scores[id] as number) < least) continue;
    ids[size] = id;
    size += 1;
    sum += top_p === null ? 0 : weight(id);
  }
  if (top_p !== null && top_p < 1) size = nucleus(scratch, size, weight, top_p * sum);
  if (min_p === null) return ids.subarray(0, size);
  let kept = 0;
  for (let place = 0; place < size; place++) {
    const id = ids[place] as number;
    // The weight of the most likely token is 1.
    if (weight(id) < min_p && id !== best) continue;
    ids[kept] = id;
    kept += 1;
  }
  return ids.subarray(0, kept);
}

/** Puts the most likely of the first `size` tokens in front, as many as weigh `share`, and gives their number. */
function nucleus({ scores, ids }: Scratch, size: number, weight: (id: number) => number, share: number): number {
  const found: number[] = [];
  let before = 0;
  for (const id of descending(scores, ids, size)) {
    if (found.length > 0 && before >= share) break;
    found.push(id);
    before += weight(id);
  }
  ids.set(found);
  return found.length;
}

/** The token with the greatest score. `null` where a score is NaN, or none is finite. */
export function mostLikely(scores: Float32Array): number | null {
  let best = -1;
  let most = -Infinity;
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id] as number;
    if (score <= most) continue;
    if (Number.isNaN(score)) return null;
    most = score;
    best = id;
  }
  return Number.isFinite(most) ? best : null;
}

/** The logarithm of the sum of the scores' exponentials. */
export function logSum(scores: Float32Array, most: number): number {
  let sum = 0;
  for (const score of scores) sum += Math.exp(score - most);
  return most + Math.log(sum);
}
