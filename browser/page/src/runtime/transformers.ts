/**
 * transformers.js, loaded when it is first needed. It runs on the page's own
 * onnxruntime-web: two of them in one Worker would share neither sessions nor memory.
 */

import { ort } from './onnxruntime.js';

type Transformers = typeof import('@huggingface/transformers');
let loading: Promise<Transformers> | null = null;

/** transformers.js on the same onnxruntime. It may fetch from no other server. */
export function transformers(): Promise<Transformers> {
  loading ??= import('@huggingface/transformers').then((library) => {
    const { env } = library;
    if (env.backends.onnx.wasm !== ort.env.wasm) throw new Error('transformers.js has a second onnxruntime');
    env.allowRemoteModels = false;
    env.allowLocalModels = true;
    env.useBrowserCache = false;
    env.useWasmCache = false;
    return library;
  });
  return loading;
}
