/** The search for the likeliest answer, beside transformers': `tests/python/make_beams.py` wrote what that finds. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Beams, Sampling } from '../../src/protocol.js';
import { BeamSearch } from '../../src/tasks/generation/beam-search.js';
import { Processors } from '../../src/tasks/generation/processors.js';
import { Searches } from '../../src/tasks/generation/searches.js';
import { GREEDY, ids, request } from './requests.js';

/** Logits are the row of the last token and that of the number of tokens together. */
interface Tables {
  readonly after: number[][];
  readonly at: number[][];
}

interface Case {
  readonly prompt: number[];
  readonly settings: {
    readonly num_beams: number;
    readonly length_penalty: number;
    readonly early_stopping: boolean | 'never';
    readonly max_new_tokens: number;
    readonly eos_token_id: number[];
    readonly repetition_penalty?: number;
    readonly no_repeat_ngram_size?: number;
    readonly suppress_tokens?: number[];
    readonly min_new_tokens?: number;
    readonly forced_bos_token_id?: number;
    readonly forced_eos_token_id?: number;
  };
  readonly answers: ReadonlyArray<{ readonly ids: number[]; readonly score: number }>;
}

const file = join(process.env['PELAGO_PAGE'] ?? '.', 'test', 'unit', 'beams.json');
const { tables, cases } = JSON.parse(readFileSync(file, 'utf8')) as { tables: Tables[]; cases: Case[] };

function logits({ after, at }: Tables, tokens: readonly number[]): Float32Array {
  const places = at[tokens.length] as number[];
  return Float32Array.from(after[tokens.at(-1) as number] as number[], (value, id) => value + (places[id] as number));
}

function logarithms(values: Float32Array): Float32Array {
  const sum = Math.log(values.reduce((total, value) => total + Math.exp(value), 0));
  return values.map((value) => value - sum);
}

for (const { prompt, settings, answers } of cases)
  test(`the answer and its score: ${JSON.stringify(settings)}`, () => {
    // The host gives what is forced after the first token to the decoder, and the page counts it.
    const forced = settings.forced_bos_token_id === undefined ? [] : [settings.forced_bos_token_id];
    const given = [...prompt, ...forced];
    const most = settings.max_new_tokens - forced.length;
    const stops = new Set(settings.eos_token_id);
    const sampling: Sampling = {
      ...GREEDY,
      repetition_penalty: settings.repetition_penalty ?? 1,
      no_repeat_ngram: settings.no_repeat_ngram_size ?? 0,
      suppressed: settings.suppress_tokens ?? [],
      min_new_tokens: settings.min_new_tokens ?? 0,
      forced_end: settings.forced_eos_token_id ?? null,
    };
    const beams: Beams = {
      count: settings.num_beams,
      length_penalty: settings.length_penalty,
      early_stopping: settings.early_stopping === 'never' ? 'never' : settings.early_stopping ? 'first' : 'likely',
    };
    answers.forEach((answer, index) => {
      const search = new BeamSearch({ ...beams, stops, most, forced: forced.length }, Processors.of({ sampling, stops, most }, given));
      let rows: number[][] = Array.from({ length: beams.count }, () => given);
      while (!search.done) {
        search.take((beam) => logarithms(logits(tables[index] as Tables, rows[beam] as number[])));
        rows = search.next.map(({ id, parent }) => [...(rows[parent] as number[]), id]);
      }
      const found = search.result();
      assert.deepEqual([...forced, ...found.ids], answer.ids);
      assert.ok(Math.abs(found.score - answer.score) <= 1e-5 * Math.abs(answer.score), `${found.score} for ${answer.score}`);
    });
  });

const BEAMS: Beams = { count: 2, length_penalty: 1, early_stopping: 'likely' };
/** Logits of a row, of the vocabulary 0 to 4, where 4 ends an answer. */
const following = (...rows: number[][]) => ({ ids: ids(), logits: (row: number) => Float32Array.from(rows[row] as number[]) });

test('each beam is a row; rows go on from parents of their prompt, and an answer that has ended stays where it is', () => {
  const searches = new Searches(request({ stop_ids: [4], max_new_tokens: 3, beams: BEAMS }), BEAMS, [ids(1), ids(2, 3)]);
  assert.deepEqual(searches.given, [ids(1), ids(1), ids(2, 3), ids(2, 3)]);
  const even = [0, 0, 0, 0, -9];
  // The second beams are the first ones' copies and count for nothing yet.
  assert.deepEqual(searches.take(following([9, 0, 8.9, 0, 0], even, [0, 0, 0, 9, 8], even), 1), { tokens: [] });
  assert.deepEqual(searches.next(false), { ids: ids(0, 2, 3, 0), lengths: [2, 2, 3, 3], parents: [0, 0, 2, 2] });
  // The first prompt's second beam goes on twice.
  searches.take(following([0, 0, 0, 0, 0], [0, 20, 20, 0, 0], [0, 0, 0, 0, 30], [0, 0, 0, 0, 30]), 2);
  assert.deepEqual(searches.next(false), { ids: ids(1, 2, 0, 1), lengths: [3, 3, 3, 3], parents: [1, 1, 2, 3] });
  assert.equal(searches.ended, false);
  searches.take(following([0, 0, 0, 20, 0], even, even, even), 3);
  assert.equal(searches.ended, true);
  assert.deepEqual(searches.result(), [{ ids: [2, 1, 3], stop: 'length' }, { ids: [3, 4], stop: 'stop' }]);
  const parts = [...searches.rest()].map(({ tokens }) => tokens.map(({ row, id }) => [row, id]));
  assert.deepEqual(parts, [[[0, 2], [1, 3]], [[0, 1], [1, 4]], [[0, 3]]]);
});

test('the best by now, also of what goes on, is the answer of a search that is interrupted', () => {
  const searches = new Searches(request({ stop_ids: [4], beams: BEAMS }), BEAMS, [ids(1), ids(2)]);
  const first = [8.7, 0, 8, 0, 8.5];
  searches.take(following(first, first, first, first), 1);
  searches.next(false);
  searches.take(following([0, 0, 0, 9, 0], [0, 0, 0, 9, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]), 2);
  // Of the second, what has ended is better than what goes on.
  assert.deepEqual(searches.result(), [{ ids: [0, 3], stop: 'interrupted' }, { ids: [4], stop: 'interrupted' }]);
  assert.deepEqual([...searches.rest()].map(({ tokens }) => tokens.map(({ row, id }) => [row, id])), [[[0, 0], [1, 4], [0, 3]]]);
  assert.equal(searches.tokens, 4);
});

test('a step whose logits are not finite is named', () => {
  const searches = new Searches(request({ beams: BEAMS }), BEAMS, [ids(1)]);
  assert.throws(() => searches.take(following([1, 2], [NaN, 1]), 4), /at step 4, .* row 2 of 2/);
});
