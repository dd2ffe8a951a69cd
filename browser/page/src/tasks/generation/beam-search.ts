/**
 * The search for the likeliest answer to one prompt: several are kept while they grow. Scores and the end of the search are
 * those of transformers' `_beam_search` (`generation/utils.py`, 4.57) without sampling. Knows neither graphs nor logits.
 */

import type { Beams } from '../../protocol.js';
import { largest } from './order.js';
import type { Processors } from './processors.js';

/** The score of an answer that is none, as in transformers. */
const NONE = -1e9;

export interface Settings extends Beams {
  readonly stops: ReadonlySet<number>;
  /** Tokens that an answer may have. */
  readonly most: number;
  /** Tokens that stand before every answer, and that its length counts: those that are forced after a decoder's first. */
  readonly forced: number;
}

/** An answer that grows. */
interface Beam {
  readonly ids: readonly number[];
  /** The sum of the logarithms of its tokens' probabilities. */
  readonly score: number;
  readonly processors: Processors;
  /** The beam of the step before that it goes on from. */
  readonly parent: number;
}

/** An answer that has ended. */
interface Ended {
  readonly ids: readonly number[];
  /** The same sum, divided by a power of the answer's length. */
  readonly score: number;
}

interface Candidate {
  readonly beam: number;
  readonly id: number;
  readonly score: number;
}

/** The greatest first; of equal ones, that which came first. Scores may be infinite. */
const best = <T extends { readonly score: number }>(all: readonly T[], count: number): T[] =>
  [...all].sort((a, b) => Number(b.score > a.score) - Number(b.score < a.score)).slice(0, count);

export class BeamSearch {
  /** As many as are kept, the likeliest first. */
  private running: readonly Beam[];
  /** At most as many, the best first. */
  private finished: readonly Ended[] = [];
  private isDone = false;

  constructor(
    private readonly settings: Settings,
    processors: Processors,
  ) {
    // At first they are all the same: only the first counts.
    this.running = Array.from({ length: settings.count }, (_, parent) => ({ ids: [], score: parent === 0 ? 0 : NONE, processors: processors.copy(), parent }));
  }

  /** Whether it has ended: the answer will not change. */
  get done(): boolean {
    return this.isDone;
  }

  /** Tokens of each answer that grows. */
  get length(): number {
    return this.running[0]?.ids.length ?? 0;
  }

  /** The last token of each answer that grows, and the beam of the step before that it goes on from. */
  get next(): ReadonlyArray<{ readonly id: number; readonly parent: number }> {
    return this.running.map(({ ids, parent }) => ({ id: ids.at(-1) as number, parent }));
  }

  /**
   * Goes on by one token. `logarithms` gives those of the probabilities of what follows a beam, valid until the next call;
   * they are changed.
   */
  take(logarithms: (beam: number) => Float32Array): void {
    const { count, stops, most, early_stopping } = this.settings;
    const candidates = this.candidates(logarithms);
    const length = this.length + 1;
    const ends = ({ id }: Candidate): boolean => stops.has(id) || length >= most;
    // Those behind the first only stand by, so that enough go on.
    const ended = candidates.slice(0, count).filter(ends);
    this.finished = best([...this.finished, ...ended.map((candidate) => ({ ids: this.ids(candidate), score: this.penalised(candidate.score, length) }))], count);
    const rest = candidates.map((candidate) => ({ ...candidate, score: candidate.score + (ends(candidate) ? NONE : 0) }));
    this.running = best(rest, count).map((candidate) => this.grown(candidate));
    const full = this.finished.length === count;
    this.isDone = candidates.every(ends) || !this.mayImprove(length) || (full && early_stopping === 'first');
  }

  /** The best answer by now, whether it has ended or not. */
  result(): { ids: number[]; score: number } {
    const growing = this.isDone ? [] : this.running.map(({ ids, score }) => ({ ids, score: this.penalised(score, ids.length) }));
    const [{ ids, score }] = best([...this.finished, ...growing], 1) as [Ended];
    return { ids: [...ids], score };
  }

  /** The likeliest next tokens of all beams. There are so many that enough of them are no ends. */
  private candidates(logarithms: (beam: number) => Float32Array): Candidate[] {
    const { count, stops } = this.settings;
    const kept = Math.max(2, 1 + stops.size) * count;
    const found = this.running.flatMap(({ score, processors }, beam): Candidate[] => {
      const scores = logarithms(beam);
      processors.apply(scores);
      return Array.from(largest(scores, kept), (id) => ({ beam, id, score: score + (scores[id] as number) }));
    });
    return best(found, kept);
  }

  private ids({ beam, id }: Candidate): number[] {
    return [...(this.running[beam] as Beam).ids, id];
  }

  private grown(candidate: Candidate): Beam {
    const processors = (this.running[candidate.beam] as Beam).processors.copy();
    processors.add(candidate.id);
    return { ids: this.ids(candidate), score: candidate.score, processors, parent: candidate.beam };
  }

  private penalised(score: number, length: number): number {
    return score / (length + this.settings.forced) ** this.settings.length_penalty;
  }

  /** Whether an answer that grows may become better than the worst that is kept. */
  private mayImprove(length: number): boolean {
    const { count, most, length_penalty, early_stopping } = this.settings;
    const longest = early_stopping === 'never' && length_penalty > 0 ? most : length;
    const worst = this.finished.length < count ? NONE : (this.finished.at(-1) as Ended).score;
    return this.penalised((this.running[0] as Beam).score, longest) > worst;
  }
}
