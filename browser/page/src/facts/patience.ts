/** A deadline for what is asked of the browser. Knows nothing of what is asked. */

/** A browser may never answer, as while its GPU process starts again. */
const PATIENCE_MS = 10_000;

/** Waits for the answer of the browser. Rejects where `what` takes too long. */
export function within<T>(work: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not answer within ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
