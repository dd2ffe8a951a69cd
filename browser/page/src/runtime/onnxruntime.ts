/**
 * The one onnxruntime-web of the Worker: which build, how many threads, where its
 * files are, and how much memory its heap takes. Knows neither sessions nor models.
 */

import './console.js';
import * as ort from 'onnxruntime-web';
import { faultOf } from '../errors.js';

declare const BUILD: 'jspi' | 'asyncify';
declare const TRANSFORMERS_VERSION: string;

export { ort };
export const build = BUILD;
export const transformersVersion = TRANSFORMERS_VERSION;
export const onnxruntimeVersion = ort.env.versions.web ?? ort.env.versions.common;

/** Whether wasm may share memory, and so have threads. */
export const threadsAvailable = self.crossOriginIsolated && typeof SharedArrayBuffer !== 'undefined';

const asked = Number(new URL(self.location.href).searchParams.get('threads'));

/** Threads of wasm. onnxruntime's own default would be at most 4, and 1 on a machine with two cores. */
export const threads = threadsAvailable ? (asked > 0 ? asked : navigator.hardwareConcurrency) : 1;

/** The memory of the wasm instance. onnxruntime-web does not expose it, so it is caught when it is made. */
let heap: WebAssembly.Memory | null = null;
WebAssembly.Memory = new Proxy(WebAssembly.Memory, {
  construct(target, args: [WebAssembly.MemoryDescriptor]) {
    const memory = new target(...args);
    heap ??= memory;
    return memory;
  },
});

/** Bytes of the wasm heap. 0 before the runtime has started. */
export function heapBytes(): number {
  return heap?.buffer.byteLength ?? 0;
}

ort.env.wasm.wasmPaths = new URL('./ort/', self.location.href).href;
ort.env.wasm.numThreads = threads;
ort.env.logLevel = 'warning';

/** A graph of one Identity node, `x` to `y`, float32 [1]. It is the smallest graph that starts the runtime. */
const IDENTITY = Uint8Array.from(
  atob('CAg6NwoQCgF4EgF5IghJZGVudGl0eRIBZ1oPCgF4EgoKCAgBEgQKAggBYg8KAXkSCgoICAESBAoCCAFCBAoAEA0='),
  (character) => character.charCodeAt(0),
);

/**
 * Resolves when wasm is compiled and its threads run. This begins when the Worker
 * is loaded, so that it overlaps with the first request and the fetch of the model.
 */
export const started: Promise<void> = ort.InferenceSession.create(IDENTITY, { executionProviders: ['wasm'] })
  .then((session) => session.release())
  .catch((error: unknown) => {
    throw faultOf(error, 'starting onnxruntime', 'internal', true);
  });
// The first request awaits it and sees the error. Until then, nobody handles it.
started.catch(() => undefined);
