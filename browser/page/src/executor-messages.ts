/** What the page's two threads say to each other. */

import type { ErrorCode } from './protocol.js';

/** To the executor. The buffer of a request is transferred, never copied. */
export type ToExecutor =
  | { readonly kind: 'request'; readonly buffer: ArrayBuffer }
  /** Ends the fetches of the request that is running; a run of the graph itself is not interrupted. */
  | { readonly kind: 'cancel'; readonly id: number };

/** From the executor: frames that are ready for the socket, likewise transferred. */
export type FromExecutor =
  | { readonly kind: 'progress'; readonly frame: ArrayBuffer }
  | {
      readonly kind: 'done';
      readonly id: number;
      readonly frame: ArrayBuffer;
      /** Set where the runtime is broken and the executor must be replaced. */
      readonly broken: ErrorCode | null;
    };
