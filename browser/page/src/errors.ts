/**
 * The one error type of the page, and what onnxruntime's and the browser's own
 * errors mean in its terms.
 */

import type { ErrorCode, PageError } from './protocol.js';

/** What to do next, where the place that throws knows nothing better. */
const HELP: Readonly<Record<ErrorCode, string>> = {
  bad_request: 'Host and page are of different versions: build both from the same source.',
  platform_unavailable: 'Use another platform or another browser; `pelago doctor` lists what this machine has.',
  fallback_refused: 'Allow fallback (--allow-fallback), or use another platform for this model.',
  fetch_failed: 'Send the request again; if it fails again, check that the model is complete with `pelago model show`.',
  invalid_model: 'Check the file, then add the model again with `pelago model add`.',
  empty_input: 'Give at least one text with a visible character.',
  input_too_long: 'Shorten the text or split it into several.',
  invalid_tensor: "Send tensors with the names, element types and shapes of the graph's inputs.",
  not_finite: 'Check the input for NaN and infinities; if it has none, compare with another precision or platform.',
  out_of_memory: 'Unload other models (`:unload MODEL`), or choose a lower precision.',
  device_lost: 'Send the request again: the page makes a new device.',
  cancelled: 'Nothing: the host took the request back.',
  execution_failed: 'Try another platform; if it fails there too, the model or the input is at fault.',
  internal: 'This is a fault of Pelago: report it with this message.',
};

/** Errors after which the same request may succeed as it is. */
const REPEATABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['fetch_failed', 'device_lost']);

/** Errors after which the runtime that raised them must not be used again. */
const FATAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['device_lost', 'out_of_memory']);

/** An error that becomes a `PageError` on the wire. */
export class PageFault extends Error {
  readonly code: ErrorCode;
  readonly help: string;
  readonly repeatable: boolean;
  /** Whether the runtime that raised it must be thrown away. */
  readonly fatal: boolean;

  /** `message` says what was expected and what was found. */
  constructor(
    code: ErrorCode,
    message: string,
    more: { help?: string; repeatable?: boolean; fatal?: boolean; cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause });
    this.name = 'PageFault';
    this.code = code;
    this.help = more.help ?? HELP[code];
    this.repeatable = more.repeatable ?? REPEATABLE.has(code);
    this.fatal = more.fatal ?? FATAL.has(code);
  }

  toJSON(): PageError {
    return { code: this.code, message: this.message, help: this.help, repeatable: this.repeatable };
  }
}

/** Where in onnxruntime's own source an error was raised: of no use to whoever reads it here. */
const ORIGIN = /\/\S+\.(?:cc|h):\d+ (?:.*?(?=\[ONNXRuntimeError\]))?/gs;

/** The text of anything that was thrown. Emscripten throws bare numbers for C++ exceptions. */
export function textOf(error: unknown): string {
  if (error instanceof Error) return (error.message || error.name).replace(ORIGIN, '').trim();
  if (typeof error === 'number') return `a C++ exception (${error}) without a message`;
  return String(error);
}

/** Patterns of foreign messages, most telling first. */
const PATTERNS: ReadonlyArray<[RegExp, ErrorCode]> = [
  [/device (was|is) lost|device lost|GPUDevice.*lost|context (was|is) lost|instance dropped/i, 'device_lost'],
  [
    /out of memory|bad_alloc|failed to allocate|allocation failed|can't grow memory|cannot enlarge memory|OOM\b|exceeds the max buffer size|Invalid array length|Array buffer allocation/i,
    'out_of_memory',
  ],
  [/fallback to CPU EP has been explicitly disabled/i, 'fallback_refused'],
  [
    /protobuf parsing failed|INVALID_PROTOBUF|INVALID_GRAPH|Load model from .* failed|ERROR_CODE: (7|10)\b|is not a registered function\/op|Unsupported model IR version|external data|External initializer/i,
    'invalid_model',
  ],
  [/ERROR_CODE: 2\b|INVALID_ARGUMENT|Got invalid dimensions|Unexpected input data type/i, 'invalid_tensor'],
];

/** What engines and Emscripten say of a trap, where onnxruntime or a promise has made another error of it. */
const TRAP = /\bRuntimeError: |memory access out of bounds|^unreachable\b|\bAborted\(/;

/**
 * Turns whatever was thrown into a `PageFault`; `doing` completes "while …",
 * `otherwise` is what no pattern knows. `fatal` says that the runtime must be
 * thrown away whatever the error is.
 */
export function faultOf(
  error: unknown,
  doing: string,
  otherwise: ErrorCode = 'execution_failed',
  fatal = false,
): PageFault {
  if (error instanceof PageFault) return error;
  const text = textOf(error);
  // After a trap the heap of the wasm instance is in an unknown state.
  const trapped = error instanceof WebAssembly.RuntimeError || TRAP.test(text);
  const code = PATTERNS.find(([pattern]) => pattern.test(text))?.[1] ?? otherwise;
  return new PageFault(code, `Failed while ${doing}: ${text}`, {
    cause: error,
    ...(fatal || trapped ? { fatal: true } : {}),
  });
}
