/**
 * Lets the Worker hear what the host says. A run on wasm, and the promises after it, leave no room for messages; a timer
 * would, but takes 4 ms. Knows nothing of what is heard.
 */

/** Milliseconds in which one breath is enough: each takes some 0.6 ms. */
const ENOUGH = 4;

const { port1, port2 } = new MessageChannel();
let waiting: (() => void) | null = null;
let last = -Infinity;
port1.onmessage = () => {
  last = performance.now();
  waiting?.();
};

/** Resolves when messages that came before have been heard, or were some milliseconds ago. One at a time. */
export async function breath(): Promise<void> {
  if (performance.now() - last < ENOUGH) return;
  await new Promise<void>((resolve) => {
    waiting = resolve;
    port2.postMessage(null);
  });
}
