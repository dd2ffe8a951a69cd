/**
 * What a sentence-embedding model says of itself beside its graph: pooling,
 * normalising, its longest input, its tokenizer. Read from the files of its
 * folder, in the layout of sentence-transformers.
 */

import type { PreTrainedTokenizer } from '@huggingface/transformers';
import { PageFault, textOf } from './errors.js';
import { fetchJson } from './fetch.js';
import { Lru } from './lru.js';
import type { Pooling } from './pooling.js';
import type { ModelSource } from './protocol.js';
import { transformers } from './runtime.js';

export interface EmbeddingModel {
  readonly tokenizer: PreTrainedTokenizer;
  readonly pooling: Pooling;
  readonly normalize: boolean;
  /** Tokens of one text, special ones included. */
  readonly maxTokens: number;
  /** The id that fills a shorter row. */
  readonly padId: number;
  readonly padLeft: boolean;
}

/** Models whose tokenizers are kept. */
const KEPT = 8;
const models = new Lru<EmbeddingModel>();

type Json = Record<string, unknown>;

export async function embeddingModel(source: ModelSource, signal: AbortSignal): Promise<EmbeddingModel> {
  const known = models.use(source.cid);
  if (known) return known;
  const optional = async (path: string): Promise<Json> =>
    source.files.includes(path) ? ((await fetchJson(source.base_url + path, signal)) as Json) : {};
  if (!source.files.includes('tokenizer.json'))
    throw new PageFault('invalid_model', `Expected ${source.name} to have a tokenizer.json, found none.`, {
      help: "Add the model with its fast tokenizer's file (transformers: tokenizer.save_pretrained).",
    });
  const [tokenizerJson, tokenizerConfig, config, sentence, modules] = await Promise.all([
    fetchJson(`${source.base_url}tokenizer.json`, signal) as Promise<Json>,
    optional('tokenizer_config.json'),
    optional('config.json'),
    optional('sentence_bert_config.json'),
    source.files.includes('modules.json') ? fetchJson(`${source.base_url}modules.json`, signal) : [],
  ]);
  const list = Array.isArray(modules) ? (modules as Array<{ type?: string; path?: string }>) : [];
  const pool = list.find(({ type }) => type?.endsWith('.Pooling'))?.path ?? '1_Pooling';
  const tokenizer = await makeTokenizer(source, tokenizerJson, tokenizerConfig);
  const model: EmbeddingModel = {
    tokenizer,
    pooling: poolingOf(await optional(`${pool}/config.json`), source.name),
    normalize: list.some(({ type }) => type?.endsWith('.Normalize')),
    maxTokens: maxTokens(sentence, tokenizerConfig, config),
    padId: tokenizer.pad_token_id ?? 0,
    padLeft: tokenizer.padding_side === 'left',
  };
  models.add(source.cid, model);
  models.take(KEPT, () => true);
  return model;
}

/** The class that the tokenizer's config names, as transformers.js' own loader picks it, on files fetched here. */
async function makeTokenizer(source: ModelSource, json: Json, config: Json): Promise<PreTrainedTokenizer> {
  const library = await transformers();
  const name = String(config['tokenizer_class'] ?? '').replace(/Fast$/, '');
  const named = (library as unknown as Record<string, unknown>)[name];
  const Class = (typeof named === 'function' ? named : library.PreTrainedTokenizer) as typeof library.PreTrainedTokenizer;
  try {
    return new Class(json, config);
  } catch (error) {
    throw new PageFault('invalid_model', `The tokenizer.json of ${source.name} is not one: ${textOf(error)}`);
  }
}

/** `1_Pooling/config.json`: one `pooling_mode_*` is true; newer files name it in `pooling_mode`. */
export function poolingOf(config: Json, model: string): Pooling {
  const flags: ReadonlyArray<[string, Pooling]> = [
    ['pooling_mode_cls_token', 'cls'],
    ['pooling_mode_max_tokens', 'max'],
    ['pooling_mode_mean_tokens', 'mean'],
    ['pooling_mode_mean_sqrt_len_tokens', 'mean_sqrt_len'],
    ['pooling_mode_weightedmean_tokens', 'weightedmean'],
    ['pooling_mode_lasttoken', 'lasttoken'],
  ];
  const named = config['pooling_mode'];
  const on = typeof named === 'string' ? flags.filter(([, mode]) => mode === named) : flags.filter(([flag]) => config[flag] === true);
  if (on.length > 1)
    throw new PageFault(
      'invalid_model',
      `Expected ${model} to have one way of pooling, found ${on.map(([, mode]) => mode).join(' and ')}, joined.`,
      { help: 'Use a model with a single pooling mode.' },
    );
  const asked = on[0]?.[1];
  if (asked === undefined && typeof named === 'string')
    throw new PageFault('invalid_model', `Expected ${model} to name a known pooling mode, found ${named}.`);
  return asked ?? 'mean';
}

/** Architectures whose positions start after the padding id. */
const OFFSET_POSITIONS: ReadonlySet<unknown> = new Set(['roberta', 'xlm-roberta', 'camembert', 'mpnet', 'longformer']);

/** The least of what the model's files allow; a tokenizer without a limit says 1e30. */
export function maxTokens(sentence: Json, tokenizer: Json, config: Json): number {
  const positions = Number(config['max_position_embeddings'] ?? Infinity);
  const offset = OFFSET_POSITIONS.has(config['model_type']) ? Number(config['pad_token_id'] ?? 1) + 1 : 0;
  const limits = [Number(sentence['max_seq_length'] ?? Infinity), Number(tokenizer['model_max_length'] ?? Infinity), positions - offset];
  const least = Math.min(...limits.filter((limit) => limit > 0));
  return least < 1e9 ? least : Infinity;
}
