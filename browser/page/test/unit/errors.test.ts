/** What the errors of onnxruntime and of browsers become. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PageFault, faultOf } from '../../src/errors.js';

test("foreign errors become the page's own", () => {
  const code = (error: unknown): string => faultOf(error, 'testing').code;
  assert.equal(code(new Error('std::bad_alloc')), 'out_of_memory');
  assert.equal(code(new RangeError('Array buffer allocation failed')), 'out_of_memory');
  assert.equal(code(new Error('A valid external Instance reference no longer exists: device lost')), 'device_lost');
  assert.equal(code(new Error("Can't create a session. ERROR_CODE: 7, ERROR_MESSAGE: Failed to load model because protobuf parsing failed.")), 'invalid_model');
  assert.equal(code(new Error('Failed to get a WebGPU adapter: requestAdapter returned null')), 'device_lost');
  assert.equal(code(new Error('something else')), 'execution_failed');
  assert.equal(code(1234), 'execution_failed');
  const fatal = (error: unknown): boolean => faultOf(error, 'testing').fatal;
  assert.equal(fatal(new WebAssembly.RuntimeError('memory access out of bounds')), true);
  for (const trap of ['RuntimeError: index out of bounds', 'memory access out of bounds', 'unreachable executed', 'Aborted(). Build with -sASSERTIONS'])
    assert.equal(fatal(new Error(trap)), true, trap);
  assert.equal(fatal(new Error('ERROR_CODE: 2, indices element out of data bounds')), false);
  assert.equal(faultOf(new Error('something else'), 'testing', 'internal', true).fatal, true);
  const located = new Error(
    "Can't create a session. ERROR_CODE: 1, ERROR_MESSAGE: Exception during initialization: /a/b/frame.cc:74 " +
      'Info(const std::vector<const Node *> &) [ONNXRuntimeError] : 1 : FAIL : Failed to load external data file "w".\n',
  );
  assert.equal(
    faultOf(located, 'testing').message,
    "Failed while testing: Can't create a session. ERROR_CODE: 1, ERROR_MESSAGE: Exception during initialization: " +
      '[ONNXRuntimeError] : 1 : FAIL : Failed to load external data file "w".',
  );
  assert.equal(faultOf(new TypeError('x is null'), 'testing', 'internal').code, 'internal');
  const own = new PageFault('empty_input', 'x');
  assert.equal(faultOf(own, 'testing'), own);
});
