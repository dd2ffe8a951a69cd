/** A browser with the built page and a host for it, opened for the tests of one `describe`. */

import { join } from 'node:path';
import { after, before } from 'node:test';
import { embedOn } from './ask.js';
import { Host } from './host.js';
import { FIXTURES, PAGE } from './models.js';
import { Browser, type BrowserName } from './webdriver.js';

export interface Options {
  /** A folder that is served as `/graphs/`. */
  readonly graphs?: string;
  /** A folder that is served as `/weights/`. */
  readonly weights?: string;
  /** Runs in the page before all else. */
  readonly script?: string | undefined;
  /** Runs in the page's Worker before onnxruntime. */
  readonly executorScript?: string;
}

export interface Page {
  host(): Host;
  browser(): Browser;
  readonly embed: ReturnType<typeof embedOn>;
}

/** Call it inside a `describe`. The fixtures' models are served as `/models/`. */
export function page(name: BrowserName, { graphs, weights, script, executorScript }: Options = {}): Page {
  let host: Host;
  let browser: Browser;
  before(async () => {
    const mounts = {
      '/': join(PAGE, 'dist'),
      '/models/': FIXTURES,
      ...(graphs === undefined ? {} : { '/graphs/': graphs }),
      ...(weights === undefined ? {} : { '/weights/': weights }),
    };
    host = await Host.start(mounts, script, executorScript);
    browser = await Browser.open(name);
    const hello = host.hello();
    await browser.go(host.url);
    await hello;
  });
  after(async () => {
    await browser?.close();
    await host?.close();
  });
  return { host: () => host, browser: () => browser, embed: embedOn(() => host) };
}
