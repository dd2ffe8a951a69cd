/** How a token is chosen, beside transformers' processors: `tests/python/make_sampling.py` wrote what these give. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { GenerateData, Sampling } from '../../src/protocol.js';
import { descending, largest } from '../../src/tasks/generation/order.js';
import { Processors } from '../../src/tasks/generation/processors.js';
import { random } from '../../src/tasks/generation/random.js';
import { Sampler, Scratch, isPlain } from '../../src/tasks/generation/sampling.js';
import { GREEDY } from './requests.js';

interface Case {
  readonly logits: number[];
  readonly before: number[];
  readonly sampling: Partial<Sampling>;
  readonly kept: Record<string, number>;
  readonly logprobs: number[];
}

const cases = JSON.parse(readFileSync(join(process.env['PELAGO_PAGE'] ?? '.', 'test', 'unit', 'sampling.json'), 'utf8')) as Case[];
const sampler = (sampling: Partial<Sampling>, before: number[], { logprobs = null as number | null, row = 0, size = 60, most = 1_000_000, stops = [] as number[] } = {}): Sampler => {
  const all = { ...GREEDY, ...sampling };
  return new Sampler(all, logprobs, row, Processors.of({ sampling: all, stops, most }, before), new Scratch(size));
};

for (const [i, { logits, before, sampling, kept, logprobs }] of cases.entries()) {
  test(`case ${i}, ${JSON.stringify(sampling)}: as often as transformers says, and nothing else`, () => {
    const one = sampler({ temperature: 1, seed: i, ...sampling }, before);
    const counts = new Map<number, number>();
    const draws = 20_000;
    for (let draw = 0; draw < draws; draw++) {
      const id = one.choose(Float32Array.from(logits))?.id ?? -1;
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    for (const id of counts.keys()) assert.ok(String(id) in kept, `token ${id} is cut away`);
    for (const [id, probability] of Object.entries(kept)) {
      const found = (counts.get(Number(id)) ?? 0) / draws;
      // Five standard deviations.
      assert.ok(Math.abs(found - probability) <= 5 * Math.sqrt((probability * (1 - probability)) / draws) + 1e-9, `token ${id}: ${found} for ${probability}`);
    }
  });

  test(`case ${i}, ${JSON.stringify(sampling)}: the most likely token and its logarithm`, () => {
    const best = logprobs.indexOf(Math.max(...logprobs));
    const chosen = sampler({ ...sampling, temperature: 0 }, before, { logprobs: 4 }).choose(Float32Array.from(logits));
    assert.equal(chosen?.id, best);
    assert.ok(Math.abs((chosen?.logprob ?? NaN) - (logprobs[best] as number)) < 1e-5);
    const order = logprobs.map((_, id) => id).sort((a, b) => (logprobs[b] as number) - (logprobs[a] as number) || a - b);
    assert.deepEqual(chosen?.top.map(([id]) => id), order.slice(0, 4));
    for (const [id, logprob] of chosen?.top ?? []) assert.ok(Math.abs(logprob - (logprobs[id] as number)) < 1e-5);
  });
}

test('penalties for what the answer has: once, and as often as it has it; the prompt counts for repetition alone', () => {
  const logits = Float32Array.of(5, 4, 3);
  const tokens = (sampling: Partial<Sampling>, before: number[]): number[] => {
    const one = sampler(sampling, before, { size: 3 });
    return Array.from({ length: 5 }, () => {
      const id = one.choose(logits)?.id as number;
      one.add(id);
      return id;
    });
  };
  assert.deepEqual(tokens({ presence_penalty: 1.5 }, [0, 0]), [0, 1, 0, 0, 0]);
  assert.deepEqual(tokens({ frequency_penalty: 1.5 }, [0, 0]), [0, 1, 0, 2, 1]);
  assert.deepEqual(tokens({ repetition_penalty: 2 }, [0]), [1, 2, 0, 0, 0]);
  assert.deepEqual(Array.from(logits), [5, 4, 3]);
});

test('what may not come does not, and what must come last does', () => {
  const logits = Float32Array.of(5, 4, 3, 2);
  const tokens = (sampling: Partial<Sampling>, before: number[], most = 1_000, stops: number[] = []): number[] => {
    const one = sampler(sampling, before, { size: 4, most, stops });
    return Array.from({ length: 5 }, () => {
      const id = one.choose(logits)?.id as number;
      one.add(id);
      return id;
    });
  };
  assert.deepEqual(tokens({ suppressed: [0, 2] }, []), [1, 1, 1, 1, 1]);
  // No pair comes twice, and the prompt's count: 0 0, then 1, since 0 0 has been; 1 0, 0 2 and so on.
  assert.deepEqual(tokens({ no_repeat_ngram: 2 }, [0, 0]), [1, 0, 2, 0, 3]);
  assert.deepEqual(tokens({ forced_end: 3 }, [], 5), [0, 0, 0, 0, 3]);
  // The prompt's tokens do not count.
  assert.deepEqual(tokens({ min_new_tokens: 2 }, [3, 3, 3], 5, [0, 1]), [2, 2, 0, 0, 0]);
  assert.deepEqual(tokens({ min_new_tokens: 9, forced_end: 0 }, [], 5, [0]), [1, 1, 1, 1, 0]);
});

test('what is not finite is no token', () => {
  const choose = (...logits: number[]) => sampler({}, [], { size: logits.length }).choose(Float32Array.from(logits));
  assert.equal(choose(1, NaN, 2), null);
  assert.equal(choose(NaN, 1), null);
  assert.equal(choose(1, Infinity), null);
  assert.equal(choose(-Infinity, -Infinity), null);
  assert.equal(choose(-Infinity, -3)?.id, 1);
});

test('only what needs no logits is plain', () => {
  const plain = (sampling: Partial<Sampling>, more: Partial<GenerateData> = {}): boolean =>
    isPlain({ sampling: { ...GREEDY, ...sampling }, logprobs: null, beams: null, schema: null, ...more });
  assert.equal(plain({ top_k: 3, seed: 9 }), true);
  for (const more of [{ temperature: 1 }, { repetition_penalty: 1.1 }, { frequency_penalty: 1 }, { presence_penalty: -1 }, { no_repeat_ngram: 3 }, { suppressed: [1] }, { forced_end: 0 }, { min_new_tokens: 1 }])
    assert.equal(plain(more), false);
  for (const more of [{ logprobs: 0 }, { schema: 'true' }, { beams: { count: 2, length_penalty: 1, early_stopping: 'likely' as const } }])
    assert.equal(plain({}, more), false);
});

test('random numbers: sfc32 as published, in [0, 1), a stream for each row', () => {
  const numbers = (seed: number, stream: number): number[] => {
    const next = random(seed, stream);
    return Array.from({ length: 20_000 }, next);
  };
  const first = numbers(1, 0);
  assert.deepEqual(numbers(1, 0), first);
  const others = [numbers(1, 1), numbers(2, 0), numbers(0, 1)];
  for (const other of others) assert.equal(other.filter((value, i) => value === first[i]).length, 0);
  assert.ok(first.every((value) => value >= 0 && value < 1));
  const mean = first.reduce((sum, value) => sum + value, 0) / first.length;
  assert.ok(Math.abs(mean - 0.5) < 0.01, String(mean));
});

test('orders are those of sorting', () => {
  const next = random(3, 0);
  for (let size = 1; size < 70; size++) {
    const scores = Float32Array.from({ length: size }, () => Math.floor(next() * 20));
    const sorted = Array.from(scores.keys()).sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b);
    for (const count of [0, 1, 2, size - 1, size, size + 3]) assert.deepEqual(Array.from(largest(scores, count)), sorted.slice(0, count));
    assert.deepEqual([...descending(scores, Int32Array.from(scores.keys()), size)], sorted);
  }
});
