/**
 * How many threads of wasm a request needs. Another number needs another runtime,
 * which begins without sessions, so it is asked for where it matters and nowhere
 * else. Knows headers, not Workers.
 */

import type { ExecutionOptions, Header } from '../protocol.js';

/**
 * The threads that a request needs: a number, `null` for one a core, `undefined`
 * where any number will do. WebGPU and WebNN compute on devices of their own. Only
 * where nodes may fall back to wasm, and the request names a number, does it count.
 */
export function threadsFor({ platform, options }: Pick<Header, 'platform' | 'options'>): number | null | undefined {
  const { threads, allow_fallback } = (options ?? {}) as Partial<ExecutionOptions>;
  if (platform === 'wasm') return threads ?? null;
  if (platform === undefined || !allow_fallback) return undefined;
  return threads ?? undefined;
}
