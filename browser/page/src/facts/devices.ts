/**
 * The devices that sessions run on. The browser is asked for each of them, because
 * onnxruntime drops a missing provider with only a warning. Each device is watched
 * for its loss. Knows no graphs.
 */

import type { InferenceSession } from 'onnxruntime-web';
import { PageFault, textOf } from '../errors.js';
import type { ExecutionOptions, Platform } from '../protocol.js';
import { ort } from '../runtime/onnxruntime.js';
import { type MlContext, createContext } from './webnn.js';

export type FixedPlatform = Exclude<Platform, 'auto'>;

const contexts = new Map<string, MlContext>();

interface Loss {
  readonly message?: string;
  readonly reason?: string;
}

/** By platform: a promise that rejects when the device of its sessions is lost. A run on a lost device may never end. */
const losses = new Map<FixedPlatform, Promise<never>>();

function watch(platform: FixedPlatform, lost: Promise<Loss>): void {
  const loss = new Promise<never>((_, reject) => {
    void lost.then(({ message, reason }) => {
      // onnxruntime destroys the device with its last session: nothing was lost.
      if (reason === 'destroyed') return;
      reject(new PageFault('device_lost', `The device of ${platform} was lost${message ? `: ${message}` : ''}.`));
    });
  });
  loss.catch(() => undefined);
  losses.set(platform, loss);
}

/** Waits for work of onnxruntime, or for the loss of the device that does it. */
export function orLost<T>(platform: FixedPlatform, work: Promise<T>): Promise<T> {
  const loss = losses.get(platform);
  return loss === undefined ? work : Promise.race([work, loss]);
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
        if ((await gpu.requestAdapter({ powerPreference: 'high-performance' })) === null)
          throw new Error('requestAdapter gave no adapter');
        return { config: 'webgpu', deviceType: null, context: null };
      }
      case 'webnn': {
        const deviceType = options.webnn_device_type;
        const name = deviceType ?? '';
        let context = contexts.get(name);
        if (context === undefined) {
          context = await createContext(deviceType);
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

let watched: GPUDevice | null = null;

/** Watches the GPU device that onnxruntime made. Each session may have made a new one. */
export async function watchGpu(): Promise<void> {
  const device = (await ort.env.webgpu.device) as GPUDevice;
  if (device === watched) return;
  watched = device;
  watch('webgpu', device.lost);
}
