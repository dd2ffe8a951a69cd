// Bundles the tests of one folder (`unit` or `browser`) and runs them with
// Node's own runner: node test/run.mjs FOLDER [options of node --test].

import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';
import { alias } from '../engine.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const [folder, ...rest] = process.argv.slice(2);
const source = join(here, folder);
// Inside the package, so that `ws` is found; ignored by git with all of node_modules.
const outdir = join(here, '..', 'node_modules', '.pelago-tests', folder);
rmSync(outdir, { recursive: true, force: true });
const files = readdirSync(source).filter((file) => file.endsWith('.test.ts'));
await esbuild.build({
  entryPoints: files.map((file) => join(source, file)),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  alias,
  outExtension: { '.js': '.mjs' },
  outdir,
  sourcemap: 'inline',
  logLevel: 'warning',
});
const run = spawnSync(
  process.execPath,
  ['--enable-source-maps', '--test', ...rest, ...files.map((file) => join(outdir, file.replace(/\.ts$/, '.mjs')))],
  { stdio: 'inherit', env: { ...process.env, PELAGO_PAGE: join(here, '..') } },
);
process.exit(run.status ?? 1);
