/**
 * The console as onnxruntime finds it. Emscripten binds `console.log` and the
 * others once, when its module starts; this module must therefore be loaded
 * before, so that later captures see what onnxruntime prints.
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

/** Runs `work` and gives its result with every line that was printed meanwhile; none reaches the console. */
export async function capture<T>(work: () => Promise<T>): Promise<{ result: T; lines: string[] }> {
  const lines: string[] = [];
  sink = lines;
  try {
    return { result: await work(), lines };
  } finally {
    sink = null;
  }
}
