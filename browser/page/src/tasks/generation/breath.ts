/**
 * Lets the Worker hear what the host says. A run on wasm, and the promises after it, leave no room for messages; a timer
 * would, but takes 4 ms. Knows nothing of what is heard.
 */

const { port1, port2 } = new MessageChannel();
let waiting: (() => void) | null = null;
port1.onmessage = () => waiting?.();

/** Resolves when messages that came before have been heard. One at a time. */
export function breath(): Promise<void> {
  return new Promise((resolve) => {
    waiting = resolve;
    port2.postMessage(null);
  });
}
