/** When a part may be sent. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Credit } from '../../src/worker/credit.js';

test('a part waits for credit, one each', async () => {
  const credit = new Credit();
  const { signal } = new AbortController();
  credit.add(2);
  assert.deepEqual([await credit.take(signal), await credit.take(signal)], [true, true]);
  let sent: boolean | null = null;
  void credit.take(signal).then((value) => (sent = value));
  await turn();
  credit.add(0);
  await turn();
  assert.equal(sent, null);
  credit.add(1);
  await turn();
  assert.equal(sent, true);
});

test('what was ended sends what it has credit for, and waits no longer', async () => {
  const credit = new Credit();
  const controller = new AbortController();
  const waiting = credit.take(controller.signal);
  controller.abort();
  assert.equal(await waiting, false);
  assert.equal(await credit.take(controller.signal), false);
  credit.add(1);
  assert.deepEqual([await credit.take(controller.signal), await credit.take(controller.signal)], [true, false]);
});
