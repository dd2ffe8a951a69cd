/**
 * The devices that sessions run on. The browser is asked for each of them, because
 * onnxruntime drops a missing provider with only a warning. Each device is watched
 * for its loss. Knows no graphs.
 */

import type { InferenceSession } from 'onnxruntime-web';
import { PageFault, textOf } from '../errors.js';
import type { ExecutionOptions, Platform } from '../protocol.js';
import { within } from './patience.js';
import { type MlContext, createContext } from './webnn.js';

export type FixedPlatform = Exclude<Platform, 'auto'>;

const contexts = new Map<string, MlContext>();

/** What is known of the devices of one platform. */
interface Watch {
  /** Set when a device was lost. It stays: this Worker is replaced then. */
  fault: PageFault | null;
  /** Rejects the work that waits for the platform right now. */
  readonly waiting: Set<(fault: PageFault) => void>;
}

const watches: Readonly<Record<FixedPlatform, Watch>> = {
  wasm: { fault: null, waiting: new Set() },
  webgpu: { fault: null, waiting: new Set() },
  webnn: { fault: null, waiting: new Set() },
};

function watch(platform: FixedPlatform, lost: Promise<{ readonly message?: string; readonly reason?: string }>): void {
  void lost.then(({ message, reason }) => {
    // onnxruntime destroys the device with its last session: nothing was lost.
    if (reason === 'destroyed') return;
    const fault = new PageFault('device_lost', `The device of ${platform} was lost${message ? `: ${message}` : ''}.`);
    const state = watches[platform];
    state.fault = fault;
    for (const reject of state.waiting) reject(fault);
  });
}

/**
 * Waits for work of onnxruntime, or for the loss of the device that does it: work
 * on a lost device may never end. It is no `Promise.race`, which would keep the
 * result of every work for as long as the device is there.
 */
export function orLost<T>(platform: FixedPlatform, work: Promise<T>): Promise<T> {
  const { fault, waiting } = watches[platform];
  return new Promise<T>((resolve, reject) => {
    if (fault !== null) reject(fault);
    waiting.add(reject);
    work.then(resolve, reject).finally(() => waiting.delete(reject));
  });
}

// Each device is watched from its beginning. onnxruntime makes its own while it
// builds a session, and makes another after the last session was released.
if (typeof GPUAdapter !== 'undefined') {
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const device = await requestDevice.call(this, withoutNarrow(this.info, descriptor));
    watch('webgpu', device.lost);
    return device;
  };
}

/** Invocations of a subgroup that onnxruntime's shaders count on. */
const SUBGROUP = 8;

/**
 * The features of a device without subgroups, where the adapter's are narrower than onnxruntime's shaders expect: its
 * attention gives wrong numbers then, from 32 tokens on (version 1.30, SwiftShader, whose subgroups have 4 invocations).
 * Without them it runs shaders that need none.
 */
function withoutNarrow({ subgroupMinSize }: GPUAdapterInfo, descriptor: GPUDeviceDescriptor | undefined): GPUDeviceDescriptor | undefined {
  if (descriptor?.requiredFeatures === undefined || subgroupMinSize === undefined || subgroupMinSize >= SUBGROUP) return descriptor;
  return { ...descriptor, requiredFeatures: [...descriptor.requiredFeatures].filter((feature) => !feature.startsWith('subgroup')) };
}

export interface Provider {
  readonly config: InferenceSession.ExecutionProviderConfig;
  readonly deviceType: string | null;
  readonly context: MlContext | null;
}

/** The provider for a platform. `null` where the browser does not have it and the request allows fallback: wasm runs instead. */
export async function providerFor(platform: FixedPlatform, options: ExecutionOptions): Promise<Provider | null> {
  try {
    switch (platform) {
      case 'wasm':
        return { config: 'wasm', deviceType: null, context: null };
      case 'webgpu': {
        const gpu = navigator.gpu as GPU | undefined;
        if (gpu === undefined) throw new Error('it has no navigator.gpu');
        if ((await within(gpu.requestAdapter({ powerPreference: 'high-performance' }), 'requestAdapter')) === null)
          throw new Error('requestAdapter gave no adapter');
        return { config: { name: 'webgpu' }, deviceType: null, context: null };
      }
      case 'webnn': {
        const deviceType = options.webnn_device_type;
        const name = deviceType ?? '';
        let context = contexts.get(name);
        if (context === undefined) {
          context = await within(createContext(deviceType), 'createContext');
          contexts.set(name, context);
          if (context.lost) watch('webnn', context.lost);
        }
        // onnxruntime needs a device type beside the context. Its default is `cpu`.
        const config = { name: 'webnn', context, deviceType: deviceType ?? 'cpu' };
        return { config: config as unknown as InferenceSession.ExecutionProviderConfig, deviceType, context };
      }
    }
  } catch (error) {
    if (options.allow_fallback) return null;
    throw new PageFault('platform_unavailable', `This browser does not run ${platform}: ${textOf(error)}`, { cause: error });
  }
}
