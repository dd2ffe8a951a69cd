/** What a request says of the session that it needs. */

import type { FixedPlatform } from '../facts/devices.js';
import type { ExecutionOptions, Graph, Progress } from '../protocol.js';

export interface Wanted {
  readonly graph: Graph;
  readonly platform: FixedPlatform;
  readonly options: ExecutionOptions;
  readonly signal: AbortSignal;
  progress(progress: Progress): void;
}

/** Bytes that a session of this graph will need: its nodes and its weights. Activations come on top, and are given back. */
export function bytesOf({ size, external_data }: Graph): number {
  return external_data.reduce((sum, file) => sum + file.size, size);
}
