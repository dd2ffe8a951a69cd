/** Halves widened to float32, all 65,536 of them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { widen } from '../../src/runtime/float16.js';

test('known halves', () => {
  const bits = [0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x83ff, 0x0400, 0x3555, 0x7c00, 0xfc00, 0x7e00];
  assert.deepEqual(
    [...widen(Uint16Array.from(bits))],
    [0, -0, 1, -2, 65504, 2 ** -24, -1023 * 2 ** -24, 2 ** -14, 1365 / 4096, Infinity, -Infinity, NaN],
  );
});

test('every half is the number that its fields say', () => {
  const wide = widen(Uint16Array.from({ length: 0x10000 }, (_, half) => half));
  wide.forEach((found, half) => {
    const exponent = (half >> 10) & 0x1f;
    const fraction = half & 0x3ff;
    const sign = half & 0x8000 ? -1 : 1;
    const magnitude =
      exponent === 31 ? (fraction === 0 ? Infinity : NaN) : exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
    assert.ok(Object.is(found, sign * magnitude), `${half.toString(16)}: ${found}, not ${sign * magnitude}`);
  });
});
