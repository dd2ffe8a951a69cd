/** Which sessions are released so that another one fits. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Sized, evictions } from '../../src/sessions/budget.js';

interface Named extends Sized {
  readonly name: string;
}

/** Sessions by name, the least recently used first; one in capitals is busy. */
const held = (sizes: Readonly<Record<string, number>>): Named[] =>
  Object.entries(sizes).map(([name, bytes]) => ({ name, bytes, busy: name === name.toUpperCase() }));

const names = (sessions: readonly Named[]): string => sessions.map(({ name }) => name).join('');

test('the least recently used go, and no more than needed', () => {
  const cases: ReadonlyArray<[Readonly<Record<string, number>>, number, number | null, string]> = [
    [{}, 10, 5, ''],
    [{ a: 10, b: 10 }, 10, 30, ''],
    [{ a: 10, b: 10 }, 10, 29, 'a'],
    [{ a: 10, b: 10 }, 10, 20, 'a'],
    [{ a: 10, b: 10 }, 10, 19, 'ab'],
    [{ a: 1, b: 100, c: 1 }, 10, 50, 'ab'],
    [{ a: 100, b: 1, c: 1 }, 10, 12, 'a'],
  ];
  for (const [sizes, wanted, budget, expected] of cases)
    assert.equal(names(evictions(held(sizes), wanted, budget)), expected, JSON.stringify([sizes, wanted, budget]));
});

test('without a budget nothing goes', () => {
  assert.deepEqual(evictions(held({ a: 1e12, b: 1e12 }), 1e12, null), []);
});

test('one that alone is more than the budget has the page for itself', () => {
  assert.equal(names(evictions(held({ a: 10, b: 10, c: 10 }), 100, 50)), 'abc');
  assert.equal(names(evictions(held({ a: 10, b: 10 }), 0, 0)), 'ab');
});

test('one that runs stays, and counts', () => {
  assert.equal(names(evictions(held({ A: 10, b: 10, c: 10 }), 10, 30)), 'b');
  assert.equal(names(evictions(held({ A: 100, b: 10 }), 10, 50)), 'b');
  assert.equal(names(evictions(held({ A: 10 }), 10, 10)), '');
});

test('what is left fits, whatever was held', () => {
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  for (let round = 0; round < 500; round++) {
    const all = Array.from({ length: random(8) }, (_, i) => ({ name: String(i), bytes: random(100), busy: random(4) === 0 }));
    const wanted = random(100);
    const budget = random(300);
    const gone = evictions(all, wanted, budget);
    const sum = (list: readonly Sized[]): number => list.reduce((total, { bytes }) => total + bytes, 0);
    const rest = all.filter((one) => !gone.includes(one));
    assert.ok(gone.every(({ busy }) => !busy));
    assert.ok(sum(rest) + wanted <= budget || rest.every(({ busy }) => busy), 'it fits, or nothing more may go');
    const last = gone.at(-1);
    if (last) assert.ok(sum(rest) + last.bytes + wanted > budget, 'the last that went had to');
  }
});
