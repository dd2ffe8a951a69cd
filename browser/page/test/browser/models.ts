/** Models of the fixtures as the host names them to a page. */

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { EmbedData, Graph } from '../../src/protocol.js';
import { facts } from '../facts.js';

export const PAGE = process.env['PELAGO_PAGE'] ?? '.';
export const FIXTURES = join(PAGE, '..', '..', 'tests', 'fixtures', 'models');

/** The graphs of a model, by what they are for. */
export type Graphs = EmbedData['graphs'];

export function modelSource(
  name: 'bert' | 't5',
  folder: string,
  graph: string,
  external: readonly string[] = [],
): Graphs {
  const base_url = `/models/${name}/`;
  const size = (file: string): number => statSync(join(folder, file)).size;
  return {
    model: {
      cid: `graph-${name}`,
      url: base_url + graph,
      size: size(graph),
      facts: facts(name === 't5' ? 't5-decoder' : name),
      external_data: external.map((location) => ({ location, url: base_url + location, size: size(location) })),
    },
  };
}

/** The graph of a model that has one. */
export function graphOf({ model }: Graphs): Graph {
  if (model === undefined) throw new Error('the model has several graphs');
  return model;
}

export interface Golden {
  readonly text: string;
  readonly input_ids: number[];
  readonly last_hidden_state: number[][];
  readonly mean_normalized: number[];
}

export const golden = JSON.parse(readFileSync(join(FIXTURES, 'bert', 'golden.json'), 'utf8')) as Golden;
export const bert = modelSource('bert', join(FIXTURES, 'bert'), 'onnx/model.onnx');
