/** Contexts of WebNN. TypeScript has no types for them yet, and browsers implement older drafts. Knows no onnxruntime. */

/** https://www.w3.org/TR/webnn/#mlcontext. Members that a browser may lack are optional. */
export interface MlContext {
  readonly accelerated?: boolean;
  readonly lost?: Promise<{ message?: string }>;
  opSupportLimits?(): unknown;
  destroy?(): void;
}

interface Ml {
  createContext(options: Record<string, unknown>): Promise<MlContext>;
}

const ml = (navigator as unknown as { ml?: Ml }).ml;

export function hasWebNn(): boolean {
  return ml !== undefined;
}

/**
 * A context for `cpu`, `gpu` or `npu`. `null` leaves the choice to the browser.
 * The specification has `powerPreference` and `accelerated`, Chromium has
 * `deviceType`. Both are passed: a browser ignores the options that it does not know.
 */
export async function createContext(deviceType: string | null): Promise<MlContext> {
  if (ml === undefined) throw new Error('this browser has no navigator.ml');
  if (deviceType === null) return ml.createContext({});
  const powerPreference = { cpu: 'default', gpu: 'high-performance', npu: 'low-power' }[deviceType] ?? 'default';
  return ml.createContext({ deviceType, powerPreference, accelerated: deviceType !== 'cpu' });
}
