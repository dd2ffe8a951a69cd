/**
 * From the frame of a request to its answer: finds the call in the table, checks
 * what every call needs, and runs it on its models. This is where a frame's data,
 * of which nothing is known, becomes the data of a call. Knows nothing of the
 * page's main thread.
 */

import { PageFault } from '../errors.js';
import { PROVIDERS } from '../facts/placement.js';
import { type AnyKnown, type Known, checkFields } from '../link/fields.js';
import { type Frame, tensorsOf } from '../link/frame.js';
import type { ExecutionOptions, Graph } from '../protocol.js';
import { Model } from '../sessions/model.js';
import type { Wanted } from '../sessions/wanted.js';
import { type Context, type Packed, type Part, type Task, outputOf } from '../tasks/task.js';
import { CALLS, isCall } from './calls.js';

const DEFAULTS: ExecutionOptions = {
  allow_fallback: false,
  webnn_device_type: null,
  threads: null,
  fixed_shapes: true,
  memory_budget: null,
  parts: null,
};

const OPTIONS: Known<ExecutionOptions> = {
  allow_fallback: true,
  webnn_device_type: true,
  threads: true,
  fixed_shapes: true,
  memory_budget: true,
  parts: true,
};

/** A call of which it is not known what goes in and comes out. */
type AnyCall = Omit<Task<unknown, unknown, string>, 'fields'> & { readonly fields: AnyKnown };

/** How many parts a request may send at first; `null` where it sends none. */
export function partsOf({ header: { options } }: Frame): number | null {
  const { parts = null } = (options ?? {}) as Partial<ExecutionOptions>;
  if (parts !== null && !(Number.isSafeInteger(parts) && parts >= 0))
    throw new PageFault('bad_request', `Expected a number of parts, found ${JSON.stringify(parts)}.`);
  return parts;
}

/** A call whose request has the least that it needs. */
export interface Found {
  readonly frame: Frame;
  /** The bodies of the frame's attachments. */
  readonly bodies: readonly ArrayBuffer[];
  readonly call: AnyCall;
  /** The graphs that the call runs, by role. */
  readonly graphs: Readonly<Record<string, Graph>>;
}

/** Finds the call that a frame asks for. Throws `bad_request` where there is none, or where the frame does not fit it. */
export function find(frame: Frame, bodies: readonly ArrayBuffer[]): Found {
  const { type, data, options } = frame.header;
  if (!isCall(type)) throw new PageFault('bad_request', `This page knows no request of type ${type}.`);
  const call: AnyCall = CALLS[type];
  if (call !== CALLS.capabilities && (typeof data !== 'object' || data === null))
    throw new PageFault('bad_request', `Expected the data of ${type} to be an object, found ${JSON.stringify(data)}.`);
  checkFields(type, data, call.fields);
  checkFields('options', options, OPTIONS);
  const graphs: Record<string, Graph> = {};
  for (const [role, graph] of Object.entries(call.graphs(data))) {
    if (typeof graph?.url !== 'string')
      throw new PageFault('bad_request', `Expected ${type} to name a graph as its ${role}, found none.`);
    graphs[role] = graph;
  }
  return { frame, bodies, call, graphs };
}

/** The platform of a request. It must be one that a graph can run on. */
function platformOf({ header: { platform } }: Frame): Wanted['platform'] {
  if (platform === undefined || platform === 'auto' || !Object.hasOwn(PROVIDERS, platform))
    throw new PageFault('bad_request', `Expected one of webgpu, webnn, wasm as platform, found ${platform ?? 'none'}.`);
  return platform;
}

/** Answers the call; `take` is given its parts. `alone` says that each of its sessions must be the only one that is held. */
export async function answer(
  { frame, bodies, call, graphs }: Found,
  alone: boolean,
  context: Context,
  take: (part: Part) => Promise<void>,
): Promise<Packed<unknown>> {
  const models = Object.entries(graphs).map(([role, graph]) => {
    const options: ExecutionOptions = {
      ...DEFAULTS,
      ...(frame.header.options as Partial<ExecutionOptions> | null),
      // A budget of nothing has all other sessions released.
      ...(alone ? { memory_budget: 0 } : {}),
    };
    return [role, new Model({ graph, platform: platformOf(frame), options, ...context })] as const;
  });
  const input = { data: frame.header.data, tensors: tensorsOf(frame, bodies) };
  return outputOf(call.run(Object.fromEntries(models), input, context), take);
}
