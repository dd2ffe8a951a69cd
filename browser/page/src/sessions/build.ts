/**
 * Builds a session, proves on which provider its nodes are, and releases it. Does
 * not know which sessions are held.
 */

import type { InferenceSession } from 'onnxruntime-web';
import { PageFault, faultOf } from '../errors.js';
import { type FixedPlatform, type Provider, orLost } from '../facts/devices.js';
import { CPU, PROVIDERS, actualProvider, judge, parsePlacement } from '../facts/placement.js';
import type { ExecutionOptions, GraphFacts, Placement } from '../protocol.js';
import { capture } from '../runtime/console.js';
import { ort } from '../runtime/onnxruntime.js';
import type { Weights } from './graphs.js';

/** Everything that a session is built from. */
export interface Ingredients {
  readonly platform: FixedPlatform;
  /** `null` where the browser does not have the platform and wasm runs instead. */
  readonly provider: Provider | null;
  readonly options: ExecutionOptions;
  readonly bytes: Uint8Array;
  readonly facts: GraphFacts;
  /** The weights. Their memory is freed when the session has its own copy. */
  readonly externalData: readonly Weights[];
  /** Sizes of the dimensions that are fixed, by name. */
  readonly dimensions: Readonly<Record<string, number>>;
  /** Whether runs are to be recorded and replayed. */
  readonly records: boolean;
  /** Outputs that stay on the GPU. */
  readonly kept: readonly string[];
}

export interface Built {
  readonly session: InferenceSession;
  readonly placement: Placement;
  /** The provider that runs the graph. */
  readonly actual: string;
  /** Why runs cannot be recorded; `null` where they can. */
  readonly notRecorded: string | null;
}

export async function build(ingredients: Ingredients): Promise<Built> {
  const { platform, provider, externalData } = ingredients;
  try {
    const proven = await prove(ingredients);
    if (platform !== 'webgpu' || provider === null) return proven;
    // A session that was built to print where its nodes are prints a line for every
    // WebGPU kernel of every run, some 10 µs each. So one session proves the placement,
    // and another does the work. It is built from the same ingredients, and may not
    // fall back where the first did not.
    await releaseSession(proven.session);
    const { nodes_total, nodes_on_provider } = proven.placement;
    const notRecorded = ingredients.records ? hinders(proven.placement) : NOT_ASKED;
    if (notRecorded === null) {
      const session = await create(ingredients, { ...strict(), logSeverityLevel: 1 }, true);
      // It would not have been built had a node been elsewhere.
      const placement = { ...proven.placement, nodes_on_provider: nodes_total, nodes_shape_arithmetic: 0, shape_operators: [] };
      return { ...proven, session, placement, notRecorded };
    }
    const session = await create(ingredients, nodes_total === nodes_on_provider ? strict() : {});
    return { ...proven, session, notRecorded };
  } catch (error) {
    // A failed creation leaves the runtime in an unknown state: after one on WebNN, the
    // next session on wasm computes wrong numbers. So the runtime is not used again.
    throw faultOf(error, `building the session for ${platform}`, 'execution_failed', true);
  } finally {
    // onnxruntime has its own copy, on the device or in its heap. Ours is freed at
    // once: an idle Worker may not collect garbage for minutes.
    for (const { data } of externalData) data.buffer.transfer(0);
  }
}

function create(
  { platform, provider, bytes, externalData, dimensions, kept }: Ingredients,
  more: InferenceSession.SessionOptions,
  records = false,
): Promise<InferenceSession> {
  const options: InferenceSession.SessionOptions = {
    executionProviders: [provider?.config ?? 'wasm'],
    freeDimensionOverrides: dimensions,
    ...(externalData.length > 0 ? { externalData: [...externalData] } : {}),
    // Where wasm runs instead of WebGPU, there is no GPU to stay on.
    ...(provider === null ? {} : { preferredOutputLocation: Object.fromEntries(kept.map((name) => [name, 'gpu-buffer'])) }),
    ...more,
  };
  return orLost(platform, ort.InferenceSession.create(bytes, records ? recording(options) : options));
}

/** Has the creation of a session fail where a node is on the CPU. */
const strict = (): InferenceSession.SessionOptions => ({ extra: { session: { disable_cpu_ep_fallback: '1' } } });
const NOT_ASKED = 'it was not asked for';
const NOT_WEBGPU = 'only WebGPU records runs';

/**
 * Why runs of a graph that is placed like this cannot be recorded; `null` where they can. onnxruntime records only what is
 * wholly on the device, and fails to build a session where something is not, so this is known before. Only a `Cast` of
 * 64-bit integers is there and elsewhere as well: the provider takes those where it records.
 */
function hinders({ nodes_total, nodes_on_provider, fallback_operators, shape_operators }: Placement): string | null {
  const others = [...fallback_operators, ...shape_operators.filter((operator) => operator !== 'Cast')];
  return others.length === 0 ? null : `${nodes_total - nodes_on_provider} of its ${nodes_total} nodes are on ${CPU}: ${others.join(', ')}`;
}

/**
 * Has the WebGPU provider record runs, and say so of each: see `Ran.replayed`. `enableGraphCapture` alone does not work in onnxruntime-web 1.30: its JavaScript,
 * which reads the option too, then binds all inputs and outputs once and fails at the second run. The provider's part of
 * it reads the option first. So it is there once: what is left is a session as any other, whose provider records.
 */
function recording(options: InferenceSession.SessionOptions): InferenceSession.SessionOptions {
  let reads = 0;
  return Object.defineProperty(options, 'enableGraphCapture', {
    enumerable: true,
    get: () => (reads++ === 0 ? true : undefined),
  });
}

/** Frees a session's memory. Where that fails, the state of the runtime is unknown, and it must not be used again. */
export async function releaseSession(session: InferenceSession): Promise<void> {
  await session.release().catch((error: unknown) => {
    throw faultOf(error, 'releasing a session', 'execution_failed', true);
  });
}

/** Builds the session and reads what onnxruntime prints about its nodes. */
async function prove(ingredients: Ingredients): Promise<Built> {
  const { platform, options, facts } = ingredients;
  // Only at this level does onnxruntime print where it placed the nodes.
  const { result: session, lines } = await capture(() => create(ingredients, { logSeverityLevel: 0 }));
  const asked = PROVIDERS[platform];
  try {
    const log = parsePlacement(lines);
    if (log === null)
      throw new PageFault('internal', 'Expected onnxruntime to print where it placed the nodes, found no such line.', {
        help: 'This version of onnxruntime-web is not the one that Pelago was built for: run `npm ci` and build again.',
      });
    const placement = judge(log, asked, facts, lines);
    refuseFallback(placement, platform, options);
    return { session, placement, actual: actualProvider(log, placement, asked), notRecorded: NOT_WEBGPU };
  } catch (error) {
    await releaseSession(session);
    throw error;
  }
}

/** Throws `fallback_refused` where nodes are not on the requested provider and the request does not allow fallback. */
export function refuseFallback(placement: Placement, platform: FixedPlatform, options: ExecutionOptions): void {
  if (options.allow_fallback || placement.fallback_operators.length === 0) return;
  const elsewhere = placement.nodes_total - placement.nodes_on_provider - placement.nodes_shape_arithmetic;
  throw new PageFault(
    'fallback_refused',
    `Expected all ${placement.nodes_total} nodes on ${PROVIDERS[platform]}, found ${elsewhere} on ${CPU}: ` +
      `${placement.fallback_operators.join(', ')}.`,
  );
}
