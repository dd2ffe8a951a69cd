/** When the number of threads of wasm matters to a request. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Platform } from '../../src/protocol.js';
import { threadsFor } from '../../src/worker/threads.js';

const given = (platform: Platform, options: unknown): number | null | undefined => threadsFor({ platform, options });

test('wasm runs on the number that it is asked for, or on one a core', () => {
  assert.equal(given('wasm', { threads: 2 }), 2);
  for (const options of [{ threads: null }, { allow_fallback: true }, {}, null]) assert.equal(given('wasm', options), null);
});

test('WebGPU and WebNN take any number', () => {
  for (const platform of ['webgpu', 'webnn'] as const)
    for (const options of [{ threads: 2 }, { threads: 2, allow_fallback: false }, { threads: null }, {}, null])
      assert.equal(given(platform, options), undefined);
});

test('a number counts where nodes may fall back to wasm', () => {
  for (const platform of ['webgpu', 'webnn'] as const) {
    assert.equal(given(platform, { threads: 2, allow_fallback: true }), 2);
    assert.equal(given(platform, { threads: null, allow_fallback: true }), undefined);
  }
});

test('a request that runs nothing takes any number', () => {
  assert.equal(threadsFor({ options: { threads: 2 } }), undefined);
});
