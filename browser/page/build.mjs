// Writes dist/: index.html, main.js, one executor for each build of
// onnxruntime-web, and ort/ with the files that those builds load.
//
// `onnxruntime-web` and `onnxruntime-common` stay outside the bundle: whoever
// imports them, ours or transformers.js, gets the one module in ort/. That is
// how both share one runtime in a Worker, where import maps do not reach.

import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';
import { alias } from './engine.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, 'dist');
const require = createRequire(import.meta.url);
const ortDist = dirname(require.resolve('onnxruntime-web'));
const version = async (name) => {
  let folder = dirname(require.resolve(name));
  while (!folder.endsWith(join('node_modules', ...name.split('/')))) folder = dirname(folder);
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')).version;
};

/** The module of onnxruntime-web and the stem of the files that it loads, by build. */
const builds = {
  jspi: { module: 'ort.jspi.min.mjs', stem: 'ort-wasm-simd-threaded.jspi' },
  asyncify: { module: 'ort.webgpu.min.mjs', stem: 'ort-wasm-simd-threaded.asyncify' },
};

const oneRuntime = (module) => ({
  name: 'one-runtime',
  setup(build) {
    build.onResolve({ filter: /^onnxruntime-(web|common)(\/webgpu)?$/ }, () => ({
      path: `./ort/${module}`,
      external: true,
    }));
  },
});

const common = {
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
  outdir: dist,
  alias,
};

await rm(dist, { recursive: true, force: true });
await mkdir(join(dist, 'ort'), { recursive: true });
await Promise.all([
  cp(join(here, 'src', 'index.html'), join(dist, 'index.html')),
  ...Object.values(builds).flatMap(({ module, stem }) =>
    [module, `${stem}.mjs`, `${stem}.wasm`].map((file) => cp(join(ortDist, file), join(dist, 'ort', file))),
  ),
  esbuild.build({ ...common, entryPoints: { main: join(here, 'src', 'main.ts') } }),
  ...Object.entries(builds).map(async ([name, { module }]) =>
    esbuild.build({
      ...common,
      entryPoints: { [`executor.${name}`]: join(here, 'src', 'worker', 'executor.ts') },
      chunkNames: `[name].${name}.[hash]`,
      // The baseline, transformers.js and the engine of schemas are loaded when they are needed.
      splitting: true,
      define: {
        BUILD: JSON.stringify(name),
        TRANSFORMERS_VERSION: JSON.stringify(await version('@huggingface/transformers')),
      },
      plugins: [oneRuntime(module)],
    }),
  ),
]);
