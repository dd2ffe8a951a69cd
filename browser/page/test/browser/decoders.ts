/**
 * Models that generate text, as the host names them to a page, and what PyTorch makes of them. Their graphs are in
 * `test/graphs`, which a test of `pelago-onnx` writes (`runtime/onnx/tests/page_graphs.rs`).
 */

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionOptions, GenerateData, GenerateResult, Graph, GraphFacts, Platform } from '../../src/protocol.js';
import { int32 } from './ask.js';
import type { Host, Request } from './host.js';
import { FIXTURES, type Graphs, PAGE } from './models.js';

export const GRAPHS = join(PAGE, 'test', 'graphs');

function graph(name: string): Graph {
  const { facts, weights } = JSON.parse(readFileSync(join(GRAPHS, `${name}.json`), 'utf8')) as { facts: GraphFacts; weights: string };
  const beside = weights.startsWith('/graphs/');
  const file = beside ? join(GRAPHS, weights.slice('/graphs/'.length)) : join(FIXTURES, weights);
  return {
    cid: `graph-${name}`,
    url: `/graphs/${name}.onnx`,
    size: statSync(join(GRAPHS, `${name}.onnx`)).size,
    facts,
    external_data: [{ location: weights.slice(weights.lastIndexOf('/') + 1), url: beside ? weights : `/models/${weights}`, size: statSync(file).size }],
  };
}

export const decoder = (name: string): Graphs => ({ model: graph(name) });
export const encoderDecoder = (name: string): Graphs => ({
  encoder: graph(`${name}-encoder`),
  cross: graph(`${name}-cross`),
  decoder: graph(`${name}-decoder`),
});

export interface Golden {
  readonly input_ids: number[];
  readonly generated_ids: number[];
  readonly logits: number[];
  readonly decoder_start_token_id: number;
  readonly batch: { readonly input_ids: number[][]; readonly attention_mask: number[][]; readonly generated_ids: number[][] };
  /** Of models that have it: what the search for the likeliest answer finds. */
  readonly beams: { readonly num_beams: number; readonly length_penalty: number; readonly generated_ids: number[] };
  readonly repetition_penalty: { readonly repetition_penalty: number; readonly generated_ids: number[] };
  readonly stop: { readonly eos_token_id: number; readonly generated_ids: number[] };
}

export const golden = (model: string): Golden => JSON.parse(readFileSync(join(FIXTURES, 'text', model, 'golden.json'), 'utf8')) as Golden;

export const GREEDY: GenerateData['sampling'] = {
  temperature: 0, top_k: null, top_p: null, min_p: null, repetition_penalty: 1, frequency_penalty: 0, presence_penalty: 0,
  no_repeat_ngram: 0, suppressed: [], forced_end: null, min_new_tokens: 0, seed: 0,
}; // prettier-ignore

/** Asks a host's page to go on with prompts: ids, one list a prompt. */
export const generateOn =
  (host: () => Host) =>
  (
    graphs: Graphs,
    prompts: readonly number[][],
    platform: Platform,
    more: Partial<GenerateData> = {},
    options: Partial<ExecutionOptions> = {},
  ): Request<GenerateResult> => {
    const data: GenerateData = {
      graphs,
      lengths: prompts.map(({ length }) => length),
      pad_id: 0,
      decoder_ids: [],
      context: 160,
      max_new_tokens: 16,
      stop_ids: [],
      sampling: GREEDY,
      logprobs: null,
      beams: null,
      schema: null,
      capture: true,
      ...more,
    };
    return host().call('generate', data, { platform, options, tensors: [int32('input_ids', prompts.flat())] });
  };
