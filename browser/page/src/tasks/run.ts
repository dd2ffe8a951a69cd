/** `run`: any graph on named tensors. Knows nothing of what the tensors mean. */

import { PageFault } from '../errors.js';
import type { Tensor } from '../link/frame.js';
import type { GraphInput, RunData, RunResult } from '../protocol.js';
import type { ort } from '../runtime/onnxruntime.js';
import { checkInputs, checkOutput, fromOrt } from '../runtime/tensors.js';
import type { Fixed } from '../sessions/sessions.js';
import { GRAPHS, type Task } from './task.js';

/** The named dimensions of the graph as these tensors have them. */
function fixedBy(inputs: readonly GraphInput[], tensors: readonly Tensor[]): Fixed {
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

export const run: Task<RunData, RunResult> = {
  fields: { graphs: GRAPHS, outputs: true },

  graphs: ({ graphs }) => ({ model: graphs?.model }),

  async *run({ model }, { data, tensors }) {
    const held = await model.session(model.fixesShapes ? fixedBy(model.inputs, tensors) : null);
    const { inputMetadata, outputNames } = held.session;
    checkInputs(tensors, inputMetadata);
    const unknown = data.outputs.filter((name) => !outputNames.includes(name));
    if (unknown.length > 0)
      throw new PageFault(
        'invalid_tensor',
        `The graph has no output ${unknown.join(', ')}. Its outputs are ${outputNames.join(', ')}.`,
      );
    const names = data.outputs.length > 0 ? data.outputs : outputNames;
    const { outputs, ms } = await model.run(held, tensors, names);
    const answers = names.map((name) => fromOrt(name, outputs[name] as ort.Tensor));
    answers.forEach(checkOutput);
    return { data: { load: model.load, processing_ms: ms }, tensors: answers };
  },
};
