/** What graphs of the fixtures declare, as the host read them. A test of `pelago-models` writes and checks these files. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GraphFacts } from '../src/protocol.js';

export function facts(name: 'bert' | 'llama' | 't5-encoder' | 't5-decoder'): GraphFacts {
  return JSON.parse(readFileSync(join(process.env['PELAGO_PAGE'] ?? '.', 'test', 'facts', `${name}.json`), 'utf8')) as GraphFacts;
}
