/** As much of WebDriver over plain HTTP as opening a page and asking it needs. */

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const TOOLS = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'pelago', 'tools');

const CHROMIUM_FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan,WebMachineLearningNeuralNetwork',
];

export type BrowserName = 'chromium' | 'headless-shell' | 'firefox';

interface Driver {
  readonly command: string;
  readonly args: readonly string[];
  readonly capabilities: Record<string, unknown>;
}

const DRIVERS: Readonly<Record<BrowserName, Driver>> = {
  chromium: {
    command: 'chromedriver',
    args: [],
    capabilities: { browserName: 'chrome', 'goog:chromeOptions': { binary: '/usr/bin/chromium', args: CHROMIUM_FLAGS } },
  },
  'headless-shell': {
    command: 'chromedriver',
    args: ['--disable-build-check'],
    capabilities: {
      'goog:chromeOptions': {
        binary: join(TOOLS, 'chrome-headless-shell-153.0.0', 'chrome-headless-shell'),
        args: CHROMIUM_FLAGS,
      },
    },
  },
  firefox: {
    command: join(TOOLS, 'geckodriver-0.37.1', 'bin', 'geckodriver'),
    args: [],
    capabilities: {
      browserName: 'firefox',
      'moz:firefoxOptions': {
        args: ['-headless'],
        prefs: {
          'dom.webgpu.enabled': true,
          'gfx.webgpu.ignore-blocklist': true,
          'gfx.webgpu.force-enabled': true,
          'dom.webgpu.allow-in-parent': true,
        },
      },
    },
  },
};

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A browser with one page, ended by `close`. */
export class Browser {
  private constructor(
    private readonly driver: ChildProcess,
    private readonly base: string,
    private readonly session: string,
  ) {}

  static async open(name: BrowserName): Promise<Browser> {
    const { command, args, capabilities } = DRIVERS[name];
    const port = await freePort();
    const driver = spawn(command, [...args, `--port=${port}`], { stdio: 'ignore' });
    const base = `http://127.0.0.1:${port}`;
    for (let i = 0; ; i++) {
      try {
        await fetch(`${base}/status`);
        break;
      } catch (error) {
        if (i > 100) throw error;
        await sleep(50);
      }
    }
    try {
      const { sessionId } = (await request('POST', `${base}/session`, {
        capabilities: { alwaysMatch: capabilities },
      })) as { sessionId: string };
      return new Browser(driver, base, sessionId);
    } catch (error) {
      driver.kill();
      throw error;
    }
  }

  async go(url: string): Promise<void> {
    await request('POST', `${this.base}/session/${this.session}/url`, { url });
  }

  async execute<T>(script: string): Promise<T> {
    return (await request('POST', `${this.base}/session/${this.session}/execute/sync`, { script, args: [] })) as T;
  }

  /** Ends this browser's GPU process, as a crash of a graphics driver would. Linux only. */
  killGpuProcess(): void {
    const parents = new Map<number, number>();
    const gpus: number[] = [];
    for (const entry of readdirSync('/proc')) {
      const pid = Number(entry);
      if (!Number.isInteger(pid)) continue;
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        parents.set(pid, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
        if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=gpu-process')) gpus.push(pid);
      } catch {
        // It ended meanwhile.
      }
    }
    const mine = (pid: number | undefined): boolean =>
      pid !== undefined && pid > 1 && (pid === this.driver.pid || mine(parents.get(pid)));
    const gpu = gpus.find(mine);
    if (gpu === undefined) throw new Error('this browser has no GPU process');
    process.kill(gpu, 'SIGKILL');
  }

  async close(): Promise<void> {
    await request('DELETE', `${this.base}/session/${this.session}`).catch(() => undefined);
    this.driver.kill();
  }
}

async function request(method: string, url: string, body?: unknown): Promise<unknown> {
  const response = await fetch(url, { method, headers: { 'Content-Type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const { value } = (await response.json()) as { value: unknown };
  if (!response.ok) throw new Error(`WebDriver ${method} ${url}: ${JSON.stringify(value)}`);
  return value;
}
