/** What a request says about the session that it needs. Knows no sessions. */

import type { FixedPlatform } from '../facts/devices.js';
import type { ExecutionOptions, Graph, Progress } from '../protocol.js';

export interface Wanted {
  readonly graph: Graph;
  readonly platform: FixedPlatform;
  readonly options: ExecutionOptions;
  readonly signal: AbortSignal;
  progress(progress: Progress): void;
}

/** Bytes that a session of this graph needs for its nodes and weights. Activations come on top while it runs. */
export function bytesOf({ size, external_data }: Graph): number {
  return external_data.reduce((sum, file) => sum + file.size, size);
}
