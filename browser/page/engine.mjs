// Where `structured-output-engine` is: inside of a package that does not export it.
// The types are named in tsconfig.json.

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const entry = createRequire(import.meta.url).resolve('@huggingface/transformers-structured-output');

export const alias = { 'structured-output-engine': join(dirname(entry), '..', 'src', 'engine', 'json.ts') };
