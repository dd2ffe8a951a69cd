/** Which adapters and contexts count as hardware. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeAdapter, judgeWebNn } from '../../src/facts/hardware.js';

test('software adapters are known by flag and by name', () => {
  const adapter = { vendor: '', architecture: '', device: '', description: '', is_fallback_adapter: null };
  assert.equal(judgeAdapter({ ...adapter, vendor: 'google', architecture: 'swiftshader', is_fallback_adapter: true }).is_real, false);
  assert.equal(judgeAdapter({ ...adapter, vendor: 'google', architecture: 'swiftshader' }).is_real, false);
  assert.equal(judgeAdapter({ ...adapter, vendor: 'mesa', description: 'llvmpipe (LLVM 15)' }).is_real, false);
  assert.equal(judgeAdapter({ ...adapter, vendor: 'microsoft', architecture: 'warp', is_fallback_adapter: false }).is_real, false);
  assert.equal(judgeAdapter({ ...adapter, vendor: 'nvidia', architecture: 'hopper', is_fallback_adapter: false }).is_real, true);
  assert.equal(judgeAdapter(adapter).is_real, null);
});

test('WebNN is as real as its contexts say', () => {
  const context = { device_type: 'cpu', available: true, error: null, accelerated: null, op_support_limits: null };
  assert.equal(judgeWebNn([context]).is_real, null);
  assert.equal(judgeWebNn([{ ...context, accelerated: false }]).is_real, false);
  assert.equal(judgeWebNn([{ ...context, accelerated: false }, { ...context, accelerated: true }]).is_real, true);
  assert.equal(judgeWebNn([{ ...context, available: false }]).is_real, null);
});
