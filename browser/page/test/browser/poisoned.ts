/** Models that generate text, with a NaN among their weights. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { decoder } from './decoders.js';
import { FIXTURES, type Graphs, graphOf } from './models.js';

/** Where their weights are. A page serves it as `/weights/`. */
export const WEIGHTS = mkdtempSync(join(tmpdir(), 'pelago-weights-'));
after(() => rmSync(WEIGHTS, { recursive: true }));

/** The model of which this number of a tensor, float32, is NaN. */
export function poisoned(name: string, tensor: string, index: number): Graphs {
  const graph = graphOf(decoder(name));
  const [file] = graph.external_data;
  if (file === undefined) throw new Error(`${name} has no file of weights`);
  const bytes = readFileSync(join(FIXTURES, file.url.replace('/models/', '')));
  // Of safetensors: the length of a header, the header with the place of each tensor, and their bytes.
  const body = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, body).toString()) as Record<string, { dtype: string; data_offsets: [number, number] }>;
  const found = header[tensor];
  if (found?.dtype !== 'F32') throw new Error(`${tensor} of ${name} is ${found?.dtype ?? 'missing'}`);
  bytes.writeFloatLE(NaN, body + found.data_offsets[0] + 4 * index);
  const cid = `${graph.cid}-${tensor}-${index}`;
  writeFileSync(join(WEIGHTS, cid), bytes);
  return { model: { ...graph, cid, external_data: [{ ...file, url: `/weights/${cid}` }] } };
}
