/**
 * Which token follows, by the logits of a row. The steps and their order are those of transformers' logits processors
 * (`generation/logits_process.py`), which `test/unit/sampling.test.ts` compares with. Penalties for what an answer has
 * already are OpenAI's. Knows neither graphs nor devices.
 */

import type { Sampling } from '../../protocol.js';
import { descending, largest } from './order.js';
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
export const isPlain = ({ temperature, ...penalties }: Sampling, logprobs: number | null): boolean =>
  logprobs === null &&
  temperature === 0 &&
  penalties.repetition_penalty === 1 &&
  penalties.frequency_penalty === 0 &&
  penalties.presence_penalty === 0 &&
  penalties.no_repeat_ngram === 0 &&
  penalties.suppressed.length === 0 &&
  penalties.forced_end === null;

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
  /** How often the answer has a token. */
  private readonly counts = new Map<number, number>();
  /** The tokens of prompt and answer. */
  private readonly seen: Set<number>;
  /** The same in their order. */
  private readonly ids: number[];
  /** Tokens that the answer may yet have. */
  private left: number;

  /** `prompt` is what the decoder is given before the answer, which may have `most` tokens. */
  constructor(
    private readonly sampling: Sampling,
    private readonly logprobs: number | null,
    row: number,
    prompt: Iterable<number>,
    most: number,
    private readonly scratch: Scratch,
  ) {
    this.draw = random(sampling.seed, row);
    this.ids = [...prompt];
    this.seen = new Set(this.ids);
    this.left = most;
  }

  /** The answer got this token. */
  add(id: number): void {
    this.ids.push(id);
    this.left -= 1;
    this.seen.add(id);
    this.counts.set(id, (this.counts.get(id) ?? 0) + 1);
  }

  /** The token that follows. `null` where the logits have a NaN, or none that is finite. They are not changed. */
  choose(logits: Float32Array): Chosen | null {
    const { scores } = this.scratch;
    scores.set(logits);
    this.penalise();
    this.forbid();
    const best = mostLikely(scores);
    if (best === null) return null;
    const id = this.sampling.temperature === 0 ? best : this.drawn(best);
    if (this.logprobs === null) return { id, logprob: null, top: [] };
    const sum = logSum(scores, scores[best] as number);
    const of = (token: number): number => (scores[token] as number) - sum;
    return { id, logprob: of(id), top: Array.from(largest(scores, this.logprobs), (token) => [token, of(token)]) };
  }

  private penalise(): void {
    const { scores } = this.scratch;
    const { repetition_penalty, frequency_penalty, presence_penalty } = this.sampling;
    if (repetition_penalty !== 1)
      for (const id of this.seen) {
        const score = scores[id] as number;
        scores[id] = score < 0 ? score * repetition_penalty : score / repetition_penalty;
      }
    if (frequency_penalty !== 0 || presence_penalty !== 0)
      for (const [id, count] of this.counts) scores[id] = (scores[id] as number) - count * frequency_penalty - presence_penalty;
  }

  /** Takes out tokens that may not come, or all but the one that must. */
  private forbid(): void {
    const { scores } = this.scratch;
    const { no_repeat_ngram, suppressed, forced_end } = this.sampling;
    for (const id of suppressed) scores[id] = -Infinity;
    if (no_repeat_ngram > 0) for (const id of followers(this.ids, no_repeat_ngram)) scores[id] = -Infinity;
    if (forced_end !== null && this.left === 1) {
      scores.fill(-Infinity);
      scores[forced_end] = 0;
    }
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
function mostLikely(scores: Float32Array): number | null {
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
function logSum(scores: Float32Array, most: number): number {
  let sum = 0;
  for (const score of scores) sum += Math.exp(score - most);
  return most + Math.log(sum);
}
