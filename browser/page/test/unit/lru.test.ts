/** The order in which entries go. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lru } from '../../src/sessions/lru.js';

test('the least recently used go first', () => {
  const lru = new Lru<string>();
  for (const key of ['a', 'b', 'c', 'd']) lru.add(key, key);
  lru.use('a');
  assert.deepEqual(lru.take(1, (value) => value === 'a'), []);
  assert.deepEqual(lru.take(2, () => true), ['b', 'c']);
  assert.equal(lru.use('b'), undefined);
  assert.equal(lru.size, 2);
  assert.deepEqual(lru.values(), ['d', 'a']);
  assert.deepEqual(lru.take(0, (value) => value !== 'd'), ['a']);
});
