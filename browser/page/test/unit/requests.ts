/** Requests for text, as tests begin with them. */

import type { GenerateData, Sampling } from '../../src/protocol.js';

export const GREEDY: Sampling = {
  temperature: 0, top_k: null, top_p: null, min_p: null, repetition_penalty: 1, frequency_penalty: 0, presence_penalty: 0,
  no_repeat_ngram: 0, suppressed: [], forced_end: null, min_new_tokens: 0, seed: 0,
}; // prettier-ignore

export const request = (more: Partial<GenerateData>): GenerateData => ({
  graphs: {},
  lengths: [],
  pad_id: 9,
  decoder_ids: [],
  context: 100,
  max_new_tokens: 10,
  stop_ids: [],
  sampling: GREEDY,
  logprobs: null,
  beams: null,
  schema: null,
  capture: false,
  ...more,
});

export const ids = (...all: number[]): Int32Array => Int32Array.from(all);
