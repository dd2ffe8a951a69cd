/** Any graph on named tensors. */

import { orLost } from '../facts/devices.js';
import { PageFault, faultOf } from '../errors.js';
import type { Tensor } from '../link/frame.js';
import { graphOf } from '../sessions/graphs.js';
import type { RunData, RunResult } from '../protocol.js';
import { type Fixed, type Held, release, session } from '../sessions/sessions.js';
import { checkInputs, checkOutput, fromOrt, toOrt } from '../runtime/tensors.js';
import type { GraphInput } from '../sessions/onnx.js';
import type { ort } from '../runtime/onnxruntime.js';
import type { Wanted } from '../sessions/wanted.js';

/** Runs a held session, and drops it where the failure may have broken it. */
export async function runHeld(
  held: Held,
  feeds: Record<string, ort.Tensor>,
  outputs: readonly string[],
): Promise<ort.InferenceSession.OnnxValueMapType> {
  held.busy = true;
  try {
    const results = await orLost(held.platform, held.session.run(feeds, [...outputs]));
    held.ran = true;
    return results;
  } catch (error) {
    const fault = faultOf(error, `running the graph on ${held.platform}`);
    if (!fault.fatal) await release(held);
    throw fault;
  } finally {
    held.busy = false;
  }
}

/** The named dimensions of the graph as these tensors have them. */
export function fixedBy(inputs: readonly GraphInput[], tensors: readonly Tensor[]): Fixed {
  const overrides: Record<string, number> = {};
  for (const { name, shape } of inputs) {
    const tensor = tensors.find((candidate) => candidate.name === name);
    shape.forEach((dimension, axis) => {
      const size = tensor?.shape[axis];
      if (typeof dimension === 'string' && dimension !== '' && size !== undefined) overrides[dimension] ??= size;
    });
  }
  return { overrides, shape: null };
}

export async function run(
  wanted: Wanted,
  { outputs }: RunData,
  tensors: readonly Tensor[],
): Promise<{ data: RunResult; tensors: Tensor[] }> {
  const fix = wanted.platform === 'webnn' && wanted.options.fixed_shapes;
  const { held, load } = await session(wanted, fix ? fixedBy((await graphOf(wanted)).inputs, tensors) : null);
  const { session: made } = held;
  checkInputs(tensors, made.inputMetadata);
  const unknown = outputs.filter((name) => !made.outputNames.includes(name));
  if (unknown.length > 0)
    throw new PageFault(
      'invalid_tensor',
      `The graph has no output ${unknown.join(', ')}. Its outputs are ${made.outputNames.join(', ')}.`,
    );
  const names = outputs.length > 0 ? outputs : made.outputNames;
  const first = !held.ran;
  const start = performance.now();
  const results = await runHeld(held, Object.fromEntries(tensors.map((tensor) => [tensor.name, toOrt(tensor)])), names);
  const processing_ms = performance.now() - start;
  const answers = names.map((name) => fromOrt(name, results[name] as ort.Tensor));
  answers.forEach(checkOutput);
  return { data: { load: first ? { ...load, first_run_ms: processing_ms } : load, processing_ms }, tensors: answers };
}
