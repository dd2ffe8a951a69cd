/** How long the page waits before it opens its socket again. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIRST_MS, GIVE_UP_MS, LONGEST_MS, waitBefore } from '../../src/link/backoff.js';

test('waits grow, stay within bounds, and end', () => {
  for (const random of [() => 0, () => 0.5, () => 0.999]) {
    for (let attempt = 0; attempt < 100; attempt++) {
      const wait = waitBefore(attempt, 0, random) as number;
      const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt);
      assert.ok(wait >= ceiling / 2 && wait <= ceiling);
    }
  }
  assert.equal(waitBefore(20, GIVE_UP_MS - 10, () => 0.5), 10);
  assert.equal(waitBefore(0, GIVE_UP_MS), null);
});
