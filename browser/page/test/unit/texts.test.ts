/** Which requests for texts are refused, and why. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PageFault } from '../../src/errors.js';
import type { Tensor } from '../../src/link/frame.js';
import type { EmbedData, ErrorCode } from '../../src/protocol.js';
import { checkLengths, textsOf } from '../../src/tasks/text/texts.js';

const int32 = (name: string, ...values: number[]): Tensor => ({
  name,
  dtype: 'int32',
  shape: [values.length],
  bytes: new Uint8Array(Int32Array.from(values).buffer),
});
const data: EmbedData = {
  graphs: {},
  lengths: [2, 1],
  pad_id: 0,
  pad_left: false,
  max_tokens: null,
  pooling: ['mean'],
  unpooled: 0,
  task_id: null,
};
const ids = int32('input_ids', 7, 8, 9);
const refused = (code: ErrorCode, words: RegExp) => (error: unknown) =>
  error instanceof PageFault && error.code === code && words.test(error.message);

test('rows are cut out of the tensors', () => {
  const rows = textsOf(data, [ids, int32('token_type_ids', 0, 1, 0)]);
  assert.deepEqual(rows.map((row) => [...row.ids]), [[7, 8], [9]]);
  assert.deepEqual(rows.map((row) => [...(row.types ?? [])]), [[0, 1], [0]]);
  assert.deepEqual(textsOf(data, [ids]).map(({ types }) => types), [null, null]);
});

test('what does not fit together is a bad request', () => {
  const bad = (changed: Partial<EmbedData>, words: RegExp, tensors = [ids]): void =>
    assert.throws(() => textsOf({ ...data, ...changed }, tensors), refused('bad_request', words));
  bad({ lengths: [] }, /at least one text/);
  bad({ lengths: [3, 0] }, /text 2 of 2 .* found 0/);
  bad({ lengths: [1.5, 1.5] }, /text 1 of 2 .* found 1.5/);
  bad({ lengths: [4, -1] }, /text 2 of 2 .* found -1/);
  bad({ lengths: [2, 2] }, /int32 \[4\].* found int32 \[3\]/);
  bad({ unpooled: -1 }, /unpooled/);
  bad({ pooling: [] }, /pooling/);
  bad({ pooling: ['mean', 'median' as 'mean'] }, /median/);
  bad({ pad_id: null as unknown as number }, /pad_id/);
  bad({}, /input_ids, found none/, []);
  bad({}, /token_type_ids to be int32 \[3\]/, [ids, int32('token_type_ids', 0)]);
  bad({}, /found int64/, [{ ...ids, dtype: 'int64' }]);
});

test('a text that is too long, and one that is all prompt, are named', () => {
  checkLengths({ ...data, unpooled: 0 }, 2);
  assert.throws(() => checkLengths(data, 1), refused('input_too_long', /at most 1 tokens, found 2 in text 1 of 2/));
  assert.throws(() => checkLengths({ ...data, unpooled: 1 }, 2), refused('empty_input', /text 2 of 2 .* the 1 of its prompt/));
});
