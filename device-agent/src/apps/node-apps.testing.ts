import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { appManifest } from '@nodeos/contracts/app-manifest.testing.ts';
import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import type { InstalledApp } from '../ports.ts';
import type { Ending, Launch } from './process.ts';
import type { SupervisorOptions } from './supervisor.ts';

/** Real Node.js apps for tests, started without the launcher: no namespaces, no root rights. */

const PRELOAD = new URL('./app-preload.cjs', import.meta.url).pathname;

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

export interface AppFolder {
  /** Writes an app's main module and gives it as an installed app. */
  app(version: string, source: string, settings?: Partial<AppManifest>): Promise<InstalledApp>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function makeAppFolder(): Promise<AppFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-apps-'));
  return {
    async app(version, source, settings = {}) {
      const file = join(folder, `${version}.${source.includes('import ') ? 'mjs' : 'cjs'}`);
      await writeFile(file, source);
      const own = { start: ['node', file], soakMs: 50, stopGraceMs: 2_000 };
      const manifest = appManifest(version, { ...own, ...settings });
      const sha256 = version.replace(/\W/g, '').padEnd(64, '0');
      return { manifest, target: `apps/hello/${version}/any.sqfs`, sha256, bundlePath: folder, deployment: null };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** What a supervisor of such apps needs, and nobody listens to. */
export function quietOptions(): SupervisorOptions {
  const nothing = (): void => {};
  return {
    ...{ launch: plainLaunch(), onLine: nothing, onChange: nothing, onEvent: nothing },
    availableMemoryKiB: async () => 1_000_000,
    startTimeoutMs: 10_000,
  };
}

/** Starts what the manifest says with this Node.js; counts what was started. */
export function plainLaunch(): Launch & { started: string[] } {
  const started: string[] = [];
  const launch: Launch = async (app, { hold }) => {
    started.push(app.manifest.version);
    const flags = hold ? ['--require', PRELOAD] : [];
    const child = spawn(process.execPath, [...flags, ...app.manifest.start.slice(1)], {
      stdio: ['ignore', 'pipe', 'pipe', hold ? 'pipe' : 'ignore', 'pipe'],
      cwd: app.development && join(app.development.home, 'app'),
      env: {
        PORT: String(app.manifest.ports[0] ?? ''),
        ...app.manifest.env,
        NODEOS_CHANNEL_FD: '4',
        ...(hold && { NODEOS_HOLD_FD: '3' }),
      },
    });
    const ended = new Promise<Ending>((resolve) =>
      child.on('close', (code, signal) => resolve({ code, signal, note: null })),
    );
    return {
      stdout: child.stdout,
      stderr: child.stderr,
      control: hold ? (child.stdio[3] as Duplex) : null,
      channel: child.stdio[4] as Duplex,
      ended,
      kill: (signal) => void child.kill(signal),
    } as Awaited<ReturnType<Launch>>;
  };
  return Object.assign(launch, { started });
}

/** An HTTP server that answers with its version. */
export function server(version: string, prelude = ''): string {
  return `${prelude}
    require('node:http').createServer((_, answer) => answer.end('${version}')).listen(Number(process.env.PORT));`;
}
