/**
 * The one error type of the page, and the translation of onnxruntime's and the
 * browser's errors into it. Knows no front end: help names no flag or command that
 * only some users have.
 */

import type { ErrorCode, PageError } from './protocol.js';

/** What the user can do next. A place that knows better says so itself. */
const HELP: Readonly<Record<ErrorCode, string>> = {
  graph_unknown: 'Send the request again with what the graph declares.',
  bad_request: 'The host and the page have different versions: build both from the same source.',
  platform_unavailable: 'Use another platform or another browser; `capabilities` lists what each browser of this machine has.',
  fallback_refused: 'Allow fallback, or use another platform for this model.',
  fetch_failed: 'Send the request again. If it fails again, check that all files of the model are in the store.',
  invalid_model: 'Check the file, then add the model again.',
  empty_input: 'Give at least one text with a visible character.',
  input_too_long: 'Shorten the text or split it into several.',
  invalid_tensor: "Send tensors with the names, element types and shapes of the graph's inputs.",
  not_finite: 'Check the input for NaN and infinity. If it has none, compare with another precision or platform.',
  out_of_memory: 'Unload other models (`:unload MODEL`), or choose a lower precision.',
  device_lost: 'Send the request again: the page makes a new device.',
  cancelled: 'Nothing to do: the request was cancelled.',
  execution_failed: 'Try another platform. If it fails there too, the fault is in the model or in the input.',
  internal: 'This is a bug in Pelago: report it with this message.',
};

/** Errors after which the same request may succeed without a change. */
const REPEATABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['fetch_failed', 'device_lost']);

/** Errors after which the runtime that raised them must not be used again. */
const FATAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['device_lost', 'out_of_memory']);

/** An error that becomes a `PageError` on the wire. */
export class PageFault extends Error {
  readonly code: ErrorCode;
  readonly help: string;
  readonly repeatable: boolean;
  /** Whether the runtime that raised it must be replaced. */
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

/** The place in onnxruntime's source where an error was raised. It does not help the user. */
const ORIGIN = /\/\S+\.(?:cc|h):\d+ (?:.*?(?=\[ONNXRuntimeError\]))?/gs;

/** The text of anything that was thrown. Emscripten throws bare numbers for C++ exceptions. */
export function textOf(error: unknown): string {
  if (error instanceof Error) return (error.message || error.name).replace(ORIGIN, '').trim();
  if (typeof error === 'number') return `a C++ exception (${error}) without a message`;
  return String(error);
}

/** Patterns of the messages of others. The first that matches decides. */
const PATTERNS: ReadonlyArray<[RegExp, ErrorCode]> = [
  [/device (was|is) lost|device lost|GPUDevice.*lost|context (was|is) lost|instance dropped/i, 'device_lost'],
  // There was an adapter a moment ago, when the page asked for one itself.
  [/Failed to get a WebGPU (adapter|device)/i, 'device_lost'],
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

/** What browsers and Emscripten write about a trap, for traps that onnxruntime turned into another error. */
const TRAP = /\bRuntimeError: |memory access out of bounds|^unreachable\b|\bAborted\(/;

/**
 * Turns anything that was thrown into a `PageFault`. `doing` completes "while …".
 * `otherwise` is the code where no pattern matches. `fatal` says that the runtime
 * must be replaced, whatever the error is.
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
