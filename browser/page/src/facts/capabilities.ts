/** What this browser can do. Each capability is tried, not guessed from the browser's name. Knows no sessions. */

import { textOf } from '../errors.js';
import type { Adapter, Capabilities, WebGpuCapabilities, WebNnCapabilities, WebNnContext } from '../protocol.js';
import { onnxruntimeVersion, threadsAvailable, transformersVersion } from '../runtime/onnxruntime.js';
import { judgeAdapter, judgeWebNn } from './hardware.js';
import { within } from './patience.js';
import { type MlContext, createContext, hasWebNn } from './webnn.js';

async function webgpu(): Promise<WebGpuCapabilities> {
  const none: WebGpuCapabilities = {
    available: false,
    error: null,
    adapter: null,
    features: [],
    limits: {},
    hardware: { is_real: null, reason: 'there is no WebGPU adapter' },
  };
  // Absent in browsers without WebGPU, although its type says otherwise.
  const gpu = navigator.gpu as GPU | undefined;
  if (gpu === undefined) return { ...none, error: 'this browser has no navigator.gpu' };
  let found = none;
  try {
    const adapter = await within(gpu.requestAdapter({ powerPreference: 'high-performance' }), 'requestAdapter');
    if (adapter === null) return { ...none, error: 'requestAdapter gave no adapter' };
    const info = adapterInfo(adapter);
    const limits: Record<string, number> = {};
    for (const name in adapter.limits) {
      const value = adapter.limits[name as keyof GPUSupportedLimits];
      if (typeof value === 'number') limits[name] = value;
    }
    found = { ...none, adapter: info, features: [...adapter.features].sort(), limits, hardware: judgeAdapter(info) };
    const device = await within(adapter.requestDevice(), 'requestDevice');
    device.destroy();
    return { ...found, available: true };
  } catch (error) {
    return { ...found, error: textOf(error) };
  }
}

function adapterInfo({ info, ...adapter }: GPUAdapter & { isFallbackAdapter?: boolean }): Adapter {
  return {
    vendor: info.vendor,
    architecture: info.architecture,
    device: info.device,
    description: info.description,
    is_fallback_adapter: (info as Partial<GPUAdapterInfo>).isFallbackAdapter ?? adapter.isFallbackAdapter ?? null,
  };
}

async function webnn(): Promise<WebNnCapabilities> {
  if (!hasWebNn())
    return {
      available: false,
      error: 'this browser has no navigator.ml',
      contexts: [],
      hardware: judgeWebNn([]),
    };
  const contexts: WebNnContext[] = [];
  for (const device_type of ['cpu', 'gpu', 'npu']) {
    const entry = { device_type, available: false, error: null, accelerated: null, op_support_limits: null };
    try {
      const context: MlContext = await within(createContext(device_type), `createContext for ${device_type}`);
      contexts.push({
        ...entry,
        available: true,
        accelerated: context.accelerated ?? null,
        op_support_limits: context.opSupportLimits?.() ?? null,
      });
      context.destroy?.();
    } catch (error) {
      contexts.push({ ...entry, error: textOf(error) });
    }
  }
  const available = contexts.some((context) => context.available);
  return {
    available,
    error: available ? null : (contexts[0]?.error ?? null),
    contexts,
    hardware: judgeWebNn(contexts),
  };
}

/** A module with one function that uses a 128 bit value. It is valid only where wasm has SIMD. */
const SIMD = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
); // prettier-ignore

export async function capabilities(): Promise<Capabilities> {
  return {
    user_agent: navigator.userAgent,
    cross_origin_isolated: self.crossOriginIsolated,
    webgpu: await webgpu(),
    webnn: await webnn(),
    wasm: {
      simd: WebAssembly.validate(SIMD),
      threads: threadsAvailable,
      hardware_concurrency: navigator.hardwareConcurrency,
      jspi: 'Suspending' in WebAssembly,
    },
    onnxruntime_version: onnxruntimeVersion,
    transformers_version: transformersVersion,
  };
}
