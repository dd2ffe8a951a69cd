/** Models of the fixtures as the host names them to a page. */

import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelSource } from '../../src/protocol.js';
import { facts } from '../facts.js';

export const PAGE = process.env['PELAGO_PAGE'] ?? '.';
export const FIXTURES = join(PAGE, '..', '..', 'tests', 'fixtures', 'models');

export function modelSource(
  name: 'bert' | 't5',
  folder: string,
  graph: string,
  external: readonly string[] = [],
): ModelSource {
  const base_url = `/models/${name}/`;
  const files = (readdirSync(folder, { recursive: true }) as string[]).filter((file) => statSync(join(folder, file)).isFile());
  const size = (file: string): number => statSync(join(folder, file)).size;
  return {
    name,
    cid: `folder-${name}`,
    base_url,
    family: 'text_embedding',
    files,
    graph: {
      cid: `graph-${name}`,
      url: base_url + graph,
      size: size(graph),
      facts: facts(name),
      external_data: external.map((location) => ({ location, url: base_url + location, size: size(location) })),
    },
  };
}

export interface Golden {
  readonly text: string;
  readonly input_ids: number[];
  readonly last_hidden_state: number[][];
  readonly mean_normalized: number[];
}

export const golden = JSON.parse(readFileSync(join(FIXTURES, 'bert', 'golden.json'), 'utf8')) as Golden;
export const bert = modelSource('bert', join(FIXTURES, 'bert'), 'onnx/model.onnx');
