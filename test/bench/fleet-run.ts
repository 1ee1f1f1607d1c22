import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Deployment } from '@nodeos/contracts/operator-api.ts';
import { SERVER_LIMITS } from '@nodeos/ota-server/limits.ts';
import { type Mode, startEngines } from './fleet-engines.ts';
import { startOperator } from './fleet-operator.ts';
import { startCountingRelay } from './fleet-relay.ts';
import type { Options, Started, Usage } from './fleet-server.ts';
import { Devices, pause, until, Worker } from './fleet-worker.ts';
import { percentile } from './percentile.ts';
import type { Measurement } from './table.ts';

const AIMS = { memoryKB: 20, toldSeconds: 2 } as const;
/** Devices whose octets are counted: enough that one which asks just then does not matter. */
const COUNTED = 50;
const MONTH_SECONDS = 30 * 86_400;

export interface Run {
  readonly mode: Mode;
  readonly devices: number;
  /** Devices that begin to connect in each second, and enrol. */
  readonly perSecond: number;
  /** Time in which nothing happens to the fleet; what it costs then is counted over it. */
  readonly idleSeconds: number;
}

/** Enrols the devices, starts the server anew under them, leaves them idle, then deploys an app to all of them. */
export async function measureFleet(run: Run, say: (line: string) => void, signal: AbortSignal): Promise<Measurement[]> {
  signal.throwIfAborted();
  const closers: (() => unknown)[] = [];
  const brokenOff = new Promise<never>((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  );
  try {
    return await Promise.race([measure(run, say, closers), brokenOff]);
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

async function measure(run: Run, say: (line: string) => void, closers: (() => unknown)[]): Promise<Measurement[]> {
  const { mode, devices: count } = run;
  const dataDir = mkdtempSync(join(tmpdir(), 'nodeos-bench-fleet-'));
  closers.push(() => rmSync(dataDir, { recursive: true, force: true }));
  const engines = await startEngines(mode, dataDir);
  closers.push(engines.stop);
  const startServer = (ports: Options['ports']): Worker => {
    const words: Options = { dataDir, ports, ...engines.options };
    return new Worker('fleet-server.ts', JSON.stringify(words));
  };
  let server = startServer([0, 0, 0]);
  closers.push(() => server.end());
  const usage = (): Promise<Usage> => server.ask<Usage>('usage');
  const heap = (): Promise<number> => server.ask<number>('heap');
  const first = await server.answer<Started>();
  const { ports } = first;
  const operator = await startOperator(first);
  // A server that is started anew has nothing of what came before in its memory.
  const startAnew = async (): Promise<Usage> => {
    server = startServer(ports);
    await server.answer<Started>();
    return usage();
  };
  await server.finish();
  const empty = await startAnew();
  const emptyHeap = await heap();
  const emptyEngines = engines.memory();
  const relays = await Promise.all([startCountingRelay(ports[1]), startCountingRelay(ports[2])]);
  for (const relay of relays) closers.push(relay.close);
  const octets = (): number => relays.reduce((sum, relay) => sum + relay.octets(), 0);

  const devices = new Devices(count);
  closers.push(() => devices.end());
  const fleetAt = (https: number, mqtt: number) => ({
    ...{ server: `https://127.0.0.1:${https}`, broker: `mqtts://127.0.0.1:${mqtt}` },
    ...{ ca: operator.ca, claimToken: operator.claimToken },
  });
  const counted = Math.min(COUNTED, count - 1);
  const simulate = (fleet: ReturnType<typeof fleetAt>, part: number) => ({
    ...{ kind: 'simulate' as const, fleet, devices: part, perSecond: (run.perSecond * part) / count },
  });
  const enrolFrom = Date.now();
  devices.begin(counted, (part) => simulate(fleetAt(relays[0].port, relays[1].port), part));
  devices.begin(count - counted, (part) => simulate(fleetAt(ports[1], ports[2]), part));
  await devices.allOnline('devices enrolled and online', say);
  const enrolSeconds = (Date.now() - enrolFrom) / 1000;
  const enrolled = await usage();

  await server.finish();
  await engines.stopBroker();
  await until('all devices gone', 20, async () => (await devices.online()) === 0);
  // Devices come back when there is a broker: their own one, or that of the server.
  const brokerFrom = engines.ownBroker ? Date.now() : null;
  await engines.startBroker();
  const anew = await startAnew();
  const from = brokerFrom ?? Date.now();
  await devices.allOnline('devices back', say);
  const backSeconds = (Date.now() - from) / 1000;
  // The HTTPS connections end when they are idle; what is left is what a device costs that is there.
  await pause(SERVER_LIMITS.deviceKeepAliveMs + 3000);
  const [before, beforeOctets] = [await usage(), octets()];
  say(`idle for ${run.idleSeconds} s`);
  await pause(run.idleSeconds * 1000);
  const [full, idleOctets] = [await usage(), octets() - beforeOctets];
  const fullEngines = engines.memory();
  const fullHeap = await heap();

  devices.forget();
  const deployedAt = Date.now();
  const request = { target: operator.target, to: { tag: 'bench' } };
  const { id } = (await operator.ask('POST', '/api/v1/deployments', request)).json;
  let confirmedSeconds = 0;
  // The answer costs the server the more the more devices there are: asked for too often it would be what is measured.
  await until('confirmed by 95 %', Math.max(200, count / 5), async () => {
    const { counts }: Deployment = (await operator.ask('GET', `/api/v1/deployments/${id}`)).json;
    confirmedSeconds = (Date.now() - deployedAt) / 1000;
    return (counts.confirmed ?? 0) >= count * 0.95;
  });
  const { toldAt, answersMs } = await devices.results();
  const waits = toldAt.map((at) => at - deployedAt);
  const toldMs = percentile(waits, (95 * count) / Math.max(1, waits.length));
  const after = await usage();

  const perDevice = (from: number, to: number, unit: number): number => (to - from) / count / unit;
  const what = (name: string, value: number, unit: string, aim: number | null = null): Measurement => ({
    ...{ name: `${mode}: ${name}`, value, unit, aim },
  });
  return [
    what('enrolled and online', enrolSeconds, 's'),
    what('enrolment rate', count / enrolSeconds, '/s'),
    what('all back after a start anew', backSeconds, 's'),
    what('connect rate', count / backSeconds, '/s'),
    what('95 % told after the deploy', toldMs / 1000, 's', AIMS.toldSeconds),
    what('95 % confirmed after the deploy', confirmedSeconds, 's'),
    what('request p99 in the rollout', percentile(answersMs, 99), 'ms'),
    what('server without devices', empty.rssBytes / 1e6, 'MB'),
    what('memory of the server per device', perDevice(empty.rssBytes, full.rssBytes, 1000), 'kB', AIMS.memoryKB),
    what('of it JavaScript', perDevice(emptyHeap, fullHeap, 1000), 'kB'),
    ...Object.entries(emptyEngines).flatMap(([program, bytes]) => [
      what(`${program} without devices`, bytes / 1e6, 'MB'),
      what(`memory of ${program} per device`, perDevice(bytes, fullEngines[program] ?? 0, 1000), 'kB'),
    ]),
    what(`octets of an idle device, over ${run.idleSeconds} s`, idleOctets / counted, ''),
    what('idle octets per device and month', (idleOctets / counted / run.idleSeconds) * (MONTH_SECONDS / 1e6), 'MB'),
    what('processor to enrol and connect a device', perDevice(empty.cpuMs, enrolled.cpuMs, 1), 'ms'),
    what('processor for a device to come back', perDevice(anew.cpuMs, before.cpuMs, 1), 'ms'),
    what('processor for an idle device and hour', perDevice(before.cpuMs, full.cpuMs, run.idleSeconds / 3600), 'ms'),
    what('processor for a device in the rollout', perDevice(full.cpuMs, after.cpuMs, 1), 'ms'),
  ];
}
