import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { createDeviceGrants } from '@nodeos/device-agent/src/apps/device-grants.ts';
import { createLaunch } from '@nodeos/device-agent/src/apps/launch.ts';
import { openUserRuns } from '@nodeos/device-agent/src/apps/user-runs.ts';
import { openInitChannel } from '@nodeos/device-agent/src/init-channel.ts';
import { PATHS } from '@nodeos/device-agent/src/paths.ts';
import type { InstalledApp } from '@nodeos/device-agent/src/ports.ts';

/**
 * Stands in for the agent on one device: starts the same program as a plain process of `node` and as an app, by turns,
 * and says on the console what each start took and how much memory it has then.
 */
const ROUNDS = 15;
/** The first of each kind brings files into memory that later ones find there. */
const WARM_UP = 2;
const PROGRAM = '/data/bench/main.js';
const BUNDLE = '/data/bench/app.sqfs';
const STOP_LIMIT_MS = 10_000;

/** One start; memory in KiB. */
export interface AppStart {
  readonly kind: 'plain' | 'app';
  /** From the call that starts it to the line that it writes when it listens. */
  readonly startMs: number;
  /** Resident memory of `node`; of it what is no file's. */
  readonly residentKiB: number;
  readonly ownKiB: number;
  /** Resident memory of all processes of the start: the launcher's too. */
  readonly allKiB: number;
}

interface Started {
  readonly pid: number;
  readonly stdout: Readable;
  kill(): void;
  readonly ended: Promise<unknown>;
}

const APP: InstalledApp = {
  manifest: {
    ...{ format: 1, name: 'bench', version: '1.0.0', description: '', start: ['node', 'main.js'], env: {} },
    ...{ ports: [8080], devices: [], network: 'host', memoryMiB: 128, probe: null, soakMs: 0 },
    ...{ swap: 'stop-first', stopGraceMs: 1000, abi: 'any' },
  },
  ...{ target: 'bench', sha256: '0'.repeat(64), bundlePath: BUNDLE, deployment: null },
};

openInitChannel(console.log);
const runs = openUserRuns(PATHS, (text) => console.log(text));
const launch = createLaunch(PATHS, runs, createDeviceGrants());

async function startPlain(): Promise<Started> {
  const child = spawn(PATHS.appNode, [PROGRAM], {
    env: { NODE_ENV: 'production', PORT: '8080' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  await once(child, 'spawn');
  return { pid: child.pid as number, stdout: child.stdout as Readable, kill: () => void child.kill('SIGKILL'), ended };
}

async function startApp(): Promise<Started> {
  const { stdout, stderr, ended, kill } = await launch(APP, { hold: false });
  stderr.pipe(process.stderr);
  return { pid: childrenOf(process.pid).at(-1) as number, stdout, kill: () => kill('SIGKILL'), ended };
}

async function measure(kind: AppStart['kind']): Promise<AppStart> {
  const before = performance.now();
  const started = await (kind === 'plain' ? startPlain() : startApp());
  await Promise.race([
    once(started.stdout, 'data'),
    started.ended.then((ending) => Promise.reject(new Error(`${kind} ended: ${JSON.stringify(ending)}`))),
  ]);
  const startMs = performance.now() - before;
  const all = [started.pid, ...descendantsOf(started.pid)].map(memoryOf);
  const node = all.reduce((most, each) => (each.residentKiB > most.residentKiB ? each : most));
  started.kill();
  const limit = setTimeout(() => {
    throw new Error(`${kind} did not end within ${STOP_LIMIT_MS} ms`);
  }, STOP_LIMIT_MS);
  await started.ended;
  clearTimeout(limit);
  return { kind, startMs, ...node, allKiB: all.reduce((sum, { residentKiB }) => sum + residentKiB, 0) };
}

function childrenOf(parent: number): number[] {
  return readdirSync(PATHS.proc)
    .filter((name) => /^\d+$/.test(name) && wordOf(name, 'PPid') === parent)
    .map(Number)
    .sort((a, b) => a - b);
}

function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

function memoryOf(pid: number): { residentKiB: number; ownKiB: number } {
  return { residentKiB: wordOf(pid, 'VmRSS'), ownKiB: wordOf(pid, 'RssAnon') };
}

/** A number of /proc/<pid>/status; -1 where the process is gone. */
function wordOf(pid: number | string, name: string): number {
  try {
    const text = readFileSync(`${PATHS.proc}/${pid}/status`, 'utf8');
    return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? -1);
  } catch {
    return -1;
  }
}

async function main(): Promise<void> {
  for (let round = 1; round <= WARM_UP + ROUNDS; round++)
    for (const kind of round % 2 === 0 ? (['plain', 'app'] as const) : (['app', 'plain'] as const)) {
      const start = await measure(kind);
      if (round > WARM_UP) console.log(`bench: start ${JSON.stringify(start)}`);
    }
  console.log('bench: end');
}

main().catch((error: Error) => console.log(`bench: failed: ${error.stack?.replaceAll('\n', ' ')}`));
