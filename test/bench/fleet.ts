import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Deployment } from '@nodeos/contracts/operator-api.ts';
import { SERVER_LIMITS } from '@nodeos/ota-server/limits.ts';
import { makePublisher } from '@nodeos/ota-server/testing/publish.ts';
import { appTarget } from '@nodeos/ota-server/testing/release-keys.ts';
import type { RunningServer } from '@nodeos/ota-server/testing/running-server.ts';
import { startMosquitto, tellBare } from './fleet-bare.ts';
import type { Order, State } from './fleet-devices.ts';
import type { Started, Usage } from './fleet-server.ts';
import { percentile } from './percentile.ts';
import { type Measurement, renderTable } from './table.ts';

const LIMIT_MS = 1_800_000;
const AIMS = { memoryKB: 20, toldSeconds: 2 } as const;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** A Node process of its own with enough open files, and a channel to it. */
class Worker {
  readonly #child: ChildProcess;
  constructor(file: string, ...words: string[]) {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const script = 'ulimit -n 65536 2>/dev/null || true; exec "$0" "$@"';
    const node = [process.execPath, '--expose-gc', path, ...words];
    this.#child = spawn('sh', ['-c', script, ...node], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  }
  send(word: unknown): void {
    this.#child.send(word as object);
  }
  answer<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`a process of the benchmark ended with ${code}`));
      this.#child.once('exit', ended);
      this.#child.once('message', (message) => {
        this.#child.off('exit', ended);
        resolve(message as T);
      });
    });
  }
  ask<T>(word: unknown): Promise<T> {
    const answer = this.answer<T>();
    this.send(word);
    return answer;
  }
  end(): void {
    this.#child.removeAllListeners();
    this.#child.kill();
  }
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function until(what: string, everyMs: number, check: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + LIMIT_MS; !(await check()); await pause(everyMs))
    if (Date.now() > deadline) throw new Error(`${what} did not come within ${LIMIT_MS / 1000} s`);
}

const state = (devices: Worker): Promise<State> => devices.ask<State>({ kind: 'state' } satisfies Order);

/** Waits until all are there. @returns seconds */
async function connectAll(devices: Worker, count: number, what: string): Promise<number> {
  const began = Date.now();
  let shown = 0;
  await until(what, 100, async () => {
    const { online } = await state(devices);
    if (online >= shown + count / 5) {
      say(`${what}: ${online} of ${count}`);
      shown = online;
    }
    return online >= count;
  });
  return (Date.now() - began) / 1000;
}

async function measureNodeos(count: number, perSecond: number): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'nodeos-bench-fleet-'));
  let server = new Worker('fleet-server.ts', join(folder, 'data'));
  const devices = new Worker('fleet-devices.ts');
  try {
    const { operator, token, ports } = await server.answer<Started>();
    const ask = async (method: string, path: string, body?: unknown) => {
      const text = typeof body === 'string';
      const type = text ? 'application/octet-stream' : 'application/json';
      const answer = await fetch(`${operator}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': type }) },
        body: body === undefined ? undefined : text ? body : JSON.stringify(body),
      });
      const content = await answer.text();
      if (answer.status >= 300) throw new Error(`${method} ${path}: ${content}`);
      return { status: answer.status, headers: {}, text: content, json: content === '' ? null : JSON.parse(content) };
    };
    const octets = 'a small app '.repeat(400);
    const target = await appTarget('hello', '1.0.0', octets);
    await (await makePublisher({ operator: ask } as unknown as RunningServer)).publish(target, octets);
    const info = (await ask('GET', '/api/v1/server')).json;
    const wanted = { uses: null, expiresAt: null, tags: ['bench'], autoApprove: true };
    const { token: claimToken } = (await ask('POST', '/api/v1/claim-tokens', wanted)).json;
    const fleet = { server: info.deviceUrl, broker: info.brokerUrl, ca: info.ca, claimToken };
    const empty = await server.ask<Usage>('memory');
    devices.send({ kind: 'simulate', fleet, devices: count, perSecond } satisfies Order);
    const enrolSeconds = await connectAll(devices, count, 'devices enrolled and online');
    const enrolled = await server.ask<Usage>('memory');

    // A server that is started anew has nothing of the enrolment in its memory: what grows is what connected devices cost.
    await server.ask('end').catch(() => {});
    await until('all devices gone', 20, async () => (await state(devices)).online === 0);
    server = new Worker('fleet-server.ts', join(folder, 'data'), ...ports.map(String));
    await server.answer<Started>();
    const fresh = await server.ask<Usage>('memory');
    const backSeconds = await connectAll(devices, count, 'devices back');
    // The HTTPS connections end when they are idle; what is left is what a device costs that is there.
    await pause(SERVER_LIMITS.deviceKeepAliveMs + 3000);
    const full = await server.ask<Usage>('memory');
    devices.send({ kind: 'forget' } satisfies Order);
    const deployedAt = Date.now();
    const { id } = (await ask('POST', '/api/v1/deployments', { target: target.path, to: { tag: 'bench' } })).json;
    let confirmedSeconds = 0;
    await until('confirmed by 95 %', 200, async () => {
      const { counts }: Deployment = (await ask('GET', `/api/v1/deployments/${id}`)).json;
      confirmedSeconds = (Date.now() - deployedAt) / 1000;
      return (counts.confirmed ?? 0) >= count * 0.95;
    });
    const { toldAt, p99Ms } = await state(devices);
    const toldMs = percentile(
      toldAt.map((at) => at - deployedAt),
      (95 * count) / Math.max(1, toldAt.length),
    );
    const after = await server.ask<Usage>('memory');
    const what = (name: string, value: number, unit: string, aim: number | null = null): Measurement => ({
      ...{ name: `NodeOS: ${name}`, value, unit, aim },
    });
    return [
      what('devices', count, ''),
      what('enrolled and online', enrolSeconds, 's'),
      what('enrolment rate', count / enrolSeconds, '/s'),
      what('all back after the server was started anew', backSeconds, 's'),
      what('processor of the server for a device to enrol and connect', (enrolled.cpuMs - empty.cpuMs) / count, 'ms'),
      what('processor of the server for a device to come back', (full.cpuMs - fresh.cpuMs) / count, 'ms'),
      what('server without devices', fresh.rssBytes / 1e6, 'MB'),
      what('memory per connected device', (full.rssBytes - fresh.rssBytes) / count / 1000, 'kB', AIMS.memoryKB),
      what('of it JavaScript', (full.heapBytes - fresh.heapBytes) / count / 1000, 'kB'),
      what('95 % told after the deploy', toldMs / 1000, 's', AIMS.toldSeconds),
      what('95 % confirmed after the deploy', confirmedSeconds, 's'),
      what('request p99 in the rollout', p99Ms, 'ms'),
      what('processor of the server for a device in the rollout', (after.cpuMs - full.cpuMs) / count, 'ms'),
    ];
  } finally {
    devices.end();
    server.send('end');
    await server.answer().catch(() => {});
    server.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the same number of clients costs a broker that does nothing else, without TLS. */
async function measureMosquitto(count: number): Promise<Measurement[]> {
  const port = await freePort();
  const broker = await startMosquitto(port);
  if (broker === null) {
    say('mosquitto is not installed, or does not start: left out');
    return [];
  }
  const devices = new Worker('fleet-devices.ts');
  try {
    const empty = rssBytes(broker.child.pid as number);
    devices.send({ kind: 'bare', port, devices: count } satisfies Order);
    const connectSeconds = await connectAll(devices, count, 'bare clients subscribed');
    const full = rssBytes(broker.child.pid as number);
    const began = Date.now();
    await tellBare(port, count);
    let toldAt: readonly number[] = [];
    await until('all told', 50, async () => {
      ({ toldAt } = await state(devices));
      return toldAt.length >= count;
    });
    const told = percentile(
      toldAt.map((at) => at - began),
      95,
    );
    const what = (name: string, value: number, unit: string): Measurement => ({
      ...{ name: `bare Mosquitto, no TLS: ${name}`, value, unit, aim: null },
    });
    return [
      what('connected and subscribed', connectSeconds, 's'),
      what('memory per client', (full - empty) / count / 1000, 'kB'),
      what('95 % told', told / 1000, 's'),
    ];
  } finally {
    devices.end();
    broker.stop();
  }
}

function rssBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** `npm run bench -- fleet [--devices 10000] [--per-second 500]` */
export async function main(words: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      devices: { type: 'string', default: '1000' },
      'per-second': { type: 'string', default: '500' },
      json: { type: 'boolean', default: false },
    },
  });
  const count = Number(values.devices);
  if (!Number.isInteger(count) || count < 2) throw new Error(`--devices ${values.devices} is not a number of devices`);
  const measurements = [
    ...(await measureNodeos(count, Number(values['per-second']))),
    ...(await measureMosquitto(count)),
  ];
  process.stdout.write(`${renderTable(measurements)}\n`);
  if (values.json) process.stdout.write(`${JSON.stringify({ measuredAt: new Date().toISOString(), measurements })}\n`);
}
