/**
 * Captures what onnxruntime prints. Emscripten binds `console.log` and the others
 * once, when its module starts. So this module must be loaded before onnxruntime.
 * Knows nothing of what the lines mean.
 */

const METHODS = ['log', 'info', 'warn', 'error', 'debug'] as const;

let sink: string[] | null = null;

for (const method of METHODS) {
  const original = console[method].bind(console);
  console[method] = (...args: unknown[]): void => {
    if (sink === null) original(...args);
    else sink.push(args.map(String).join(' '));
  };
}

/** Runs `work` and returns its result with every line that was printed meanwhile. None of these lines reaches the console. */
export async function capture<T>(work: () => Promise<T>): Promise<{ result: T; lines: string[] }> {
  const lines: string[] = [];
  sink = lines;
  try {
    return { result: await work(), lines };
  } finally {
    sink = null;
  }
}
