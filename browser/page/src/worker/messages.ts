/** What the page's two threads say to each other. */

import type { ErrorCode } from '../protocol.js';

/** To the executor. The buffer of a request is transferred, never copied. */
export type ToExecutor =
  | {
      readonly kind: 'request';
      readonly buffer: ArrayBuffer;
      /**
       * Set where there was no room for the request beside other models: the bytes that
       * these held. Each session of the request is then to be the only one that is held.
       */
      readonly freed: number | null;
    }
  /** Ends the fetches of the request that is running; a run of the graph itself is not interrupted. */
  | { readonly kind: 'cancel'; readonly id: number };

/** From the executor. Frames are ready for the socket; all buffers are transferred likewise. */
export type FromExecutor =
  | { readonly kind: 'progress'; readonly frame: ArrayBuffer }
  /** The request had no room beside the `held` bytes of other models: to be run once more, alone, in a new executor. */
  | { readonly kind: 'again'; readonly id: number; readonly buffer: ArrayBuffer; readonly held: number }
  | {
      readonly kind: 'done';
      readonly id: number;
      readonly frame: ArrayBuffer;
      /** Set where the runtime is broken and the executor must be replaced. */
      readonly broken: ErrorCode | null;
    };
