/**
 * What the page's main thread and its Worker say to each other. As in
 * onnxruntime-web's `proxy-messages.ts`, the kind of a message ties what goes in
 * to what comes out. Messages of the host and tensors are transferred, never copied.
 */

import type { Packet } from '../link/frame.js';
import type { ErrorCode } from '../protocol.js';

/** A message of the host with the bodies of its attachments. */
export interface Arrived {
  readonly id: number;
  readonly buffer: ArrayBuffer;
  readonly bodies: readonly ArrayBuffer[];
}

/** Progress, or a part of the answer, ready to be sent. */
interface Before {
  readonly kind: 'before';
  readonly packet: Packet;
}

/** The request had no room beside the `held` bytes of other models: it is to be run once more, alone, in a new Worker. */
interface Again {
  readonly kind: 'again';
  readonly request: Arrived;
  readonly held: number;
}

/** The request has been answered, by a message that is ready to be sent. */
interface Done {
  readonly kind: 'done';
  readonly packet: Packet;
  /** Set where the runtime is broken and the Worker must be replaced. */
  readonly broken: ErrorCode | null;
}

type Message =
  /** A request of the host: any number of `before`, then one of the other two. */
  | {
      readonly kind: 'request';
      readonly in: {
        readonly request: Arrived;
        /**
         * Set where there was no room for the request beside other models: the bytes that
         * these held. Each session of the request is then to be the only one that is held.
         */
        readonly freed: number | null;
      };
      readonly out: Before | Again | Done;
    }
  /** Ends the fetches of the request that is running. A run of the graph itself is not interrupted. */
  | { readonly kind: 'cancel'; readonly in: { readonly id: number }; readonly out: never }
  /** Ends the request that is running with what it has. Before its first part that is nothing: it is cancelled. */
  | { readonly kind: 'stop'; readonly in: { readonly id: number }; readonly out: never }
  /** The request that is running may send so many more parts. */
  | { readonly kind: 'credit'; readonly in: { readonly id: number; readonly parts: number }; readonly out: never };

type MessageOf<Kind extends Message['kind']> = Extract<Message, { kind: Kind }>;

/** A message of one kind as the Worker receives it. */
export type Incoming<Kind extends Message['kind']> = { readonly kind: Kind } & MessageOf<Kind>['in'];

export type ToExecutor = { [Kind in Message['kind']]: Incoming<Kind> }[Message['kind']];
export type FromExecutor = Message['out'];
