/** Chooses the output of a text encoder's graph that has the embeddings. Knows the names that exporters use, not sessions. */

import type { InferenceSession } from 'onnxruntime-web';
import { PageFault } from '../../errors.js';

/** Outputs `[batch, hidden]`. */
const TEXT_OUTPUTS = ['sentence_embedding', 'sentence_embeddings', 'text_embeds', 'text_embeddings', 'embedding', 'embeddings', 'dense_vecs'];
/** Outputs `[batch, length, hidden]`. */
const TOKEN_OUTPUTS = ['last_hidden_state', 'token_embeddings', 'text_embeds', 'hidden_states', 'output'];
/** BERT's pooler was trained to predict whether two sentences follow each other. It is used only where there is nothing else. */
const POOLER = 'pooler_output';

/** Whether an output has scores over a vocabulary or labels, or the cache of a decoder. */
const isOther = (name: string): boolean => name === 'logits' || name.startsWith('present');

/**
 * The name of the output to read: a vector for each text where the graph has one,
 * else a vector for each token. `tokens` asks for the second: pooling then leaves a
 * prompt out, which a graph that pools itself has not done.
 */
export function chooseOutput(outputs: readonly InferenceSession.ValueMetadata[], tokens: boolean): string {
  const floats = outputs.filter((output) => output.isTensor && (output.type === 'float32' || output.type === 'float16'));
  const rank = (output: InferenceSession.ValueMetadata): number => (output.isTensor ? output.shape.length : 0);
  // onnxruntime gives no dimensions where it does not know the rank. Then the name decides.
  const named = (names: readonly string[], wanted: number): string | undefined =>
    names.find((name) => floats.some((output) => output.name === name && [0, wanted].includes(rank(output))));
  const only = (wanted: number): string | undefined => {
    const found = floats.filter((output) => rank(output) === wanted && output.name !== POOLER && !isOther(output.name)).map(({ name }) => name);
    if (found.length > 1)
      throw new PageFault(
        'invalid_model',
        `Expected one output that may have the embeddings, found ${found.join(' and ')}, all of ${wanted} dimensions.`,
        { help: `Name the right one ${wanted === 3 ? 'last_hidden_state' : 'sentence_embedding'} in the graph and add the model again.` },
      );
    return found[0];
  };
  const name = tokens
    ? (named(TOKEN_OUTPUTS, 3) ?? only(3))
    : (named(TEXT_OUTPUTS, 2) ?? named(TOKEN_OUTPUTS, 3) ?? only(3) ?? only(2) ?? named([POOLER], 2));
  if (name !== undefined) return name;
  const wanted = tokens
    ? 'an output last_hidden_state [batch, sequence, hidden], as a prompt is left out of pooling'
    : 'an output sentence_embedding [batch, hidden] or last_hidden_state [batch, sequence, hidden]';
  throw new PageFault('invalid_model', `Expected ${wanted}, found ${outputs.map(describe).join(', ')}.`);
}

function describe(output: InferenceSession.ValueMetadata): string {
  return output.isTensor ? `${output.name}: ${output.type} [${output.shape.join(', ')}]` : output.name;
}
