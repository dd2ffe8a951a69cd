/** Whether a WebGPU adapter or WebNN is hardware or software, and why. Reads what the browser reports; asks it nothing. */

import type { Adapter, Hardware, WebNnContext } from '../protocol.js';

/** Names that adapters have which run on the CPU. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|\bwarp\b|basic render|software/i;

export function judgeAdapter(adapter: Adapter): Hardware {
  if (adapter.is_fallback_adapter === true) return { is_real: false, reason: 'the adapter says isFallbackAdapter' };
  const named = [adapter.vendor, adapter.architecture, adapter.device, adapter.description].filter((word) => word !== '');
  const software = named.find((word) => SOFTWARE.test(word));
  if (software !== undefined) return { is_real: false, reason: `the adapter calls itself ${software}` };
  if (adapter.is_fallback_adapter === false)
    return { is_real: true, reason: `the adapter ${named.join(' ') || 'without a name'} says that it is no fallback` };
  if (named.length > 0) return { is_real: true, reason: `the adapter calls itself ${named.join(' ')}` };
  return { is_real: null, reason: 'the browser names no adapter and has no isFallbackAdapter' };
}

export function judgeWebNn(contexts: readonly WebNnContext[]): Hardware {
  const made = contexts.filter((context) => context.available);
  if (made.length === 0) return { is_real: null, reason: 'no WebNN context could be made' };
  if (made.some((context) => context.accelerated === true))
    return { is_real: true, reason: 'a context says that it is accelerated' };
  if (made.some((context) => context.accelerated === false))
    return { is_real: false, reason: 'no context says that it is accelerated: WebNN runs on the CPU' };
  return { is_real: null, reason: 'the browser does not say whether a WebNN context is accelerated' };
}
