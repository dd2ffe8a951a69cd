/**
 * Fetches files from the session's server. A file is streamed into one buffer of
 * the known size. Where the stream breaks off, a range request continues it. Knows
 * paths, not models.
 */

import { PageFault, textOf } from '../errors.js';

/** Attempts for one file. Each continues where the last one broke off. */
const ATTEMPTS = 3;

export interface FetchOptions {
  readonly signal: AbortSignal;
  /** Called with the bytes so far and the bytes of the file. */
  readonly progress?: (loaded: number, total: number) => void;
}

/** The URL of a path. Only the page's own server is allowed: no model may name another. */
function sameOrigin(url: string): URL {
  const resolved = new URL(url, self.location.href);
  if (resolved.origin !== self.location.origin)
    throw new PageFault('bad_request', `Expected a file of ${self.location.origin}, found ${url}.`);
  return resolved;
}

const cancelled = (): PageFault => new PageFault('cancelled', 'The request was cancelled while files were fetched.');

/** Fetches a file of exactly `size` bytes into one buffer. Each byte is written once. */
export async function fetchBytes(
  url: string,
  size: number,
  { signal, progress }: FetchOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const target = sameOrigin(url);
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(size);
  } catch (error) {
    throw new PageFault('out_of_memory', `The page has no room for the ${size} bytes of ${url}: ${textOf(error)}`);
  }
  let loaded = 0;
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await fetch(target, { signal, ...(loaded > 0 ? { headers: { Range: `bytes=${loaded}-` } } : {}) });
      if (!response.ok) throw await refused(response, url);
      if (loaded > 0 && response.status !== 206) loaded = 0;
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        if (loaded + value.byteLength > size) {
          await reader.cancel();
          throw wrongSize(url, size, `more than ${loaded + value.byteLength - 1}`);
        }
        bytes.set(value, loaded);
        loaded += value.byteLength;
        progress?.(loaded, size);
      }
      // A broken connection throws above. Here the file itself is shorter than expected.
      if (loaded < size) throw wrongSize(url, size, String(loaded));
      return bytes;
    } catch (error) {
      if (signal.aborted) throw cancelled();
      if (error instanceof PageFault && (error.code !== 'fetch_failed' || !error.repeatable)) throw error;
      if (attempt === ATTEMPTS)
        throw error instanceof PageFault
          ? error
          : new PageFault('fetch_failed', `${url} broke off after ${loaded} of ${size} bytes: ${textOf(error)}`);
    }
  }
}

/** The fault of a refused file, with the reason that the server gives: it says more than the status. */
async function refused(response: Response, url: string): Promise<PageFault> {
  const reason = (await response.text().catch(() => '')).trim().slice(0, 300);
  return new PageFault(
    'fetch_failed',
    `The session's server answered ${response.status} for ${url}${reason ? `: ${reason}` : ''}.`,
    // The server would refuse the same request again, except after an error of its own.
    { repeatable: response.status >= 500 },
  );
}

function wrongSize(url: string, expected: number, found: string): PageFault {
  return new PageFault('fetch_failed', `Expected ${expected} bytes of ${url}, found ${found}.`, {
    help: 'The file does not have the size that the model gives for it: add the model again.',
    repeatable: false,
  });
}
