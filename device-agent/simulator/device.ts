import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';
import { delay } from '../src/backoff.ts';
import { enrol } from '../src/enrol.ts';
import { createEventQueue } from '../src/event-queue.ts';
import { type Credentials, type Identity, storeCredentials } from '../src/identity.ts';
import { openStateStore, type StateStore } from '../src/state.ts';
import { createServerHttp, type DeviceHttp } from '../src/transport/http.ts';
import { assembleUpdater } from '../src/updater/engine.ts';
import { SimulatedApps } from './apps.ts';
import type { Character } from './character.ts';
import { type Connection, Network, openConnection } from './connection.ts';
import { type Boot, Machine, simulatedReport } from './machine.ts';
import { createMemoryDisk } from './memory-disk.ts';
import type { Profile } from './profile.ts';
import { simulatedExecutors } from './steps.ts';
import type { SharedTrust } from './trust.ts';

const STATE_DIR = '/data/.system/agent';

export type DeviceState = 'off' | 'enrolling' | 'offline' | 'online';
export interface DeviceOptions {
  readonly serial: string;
  readonly fleet: FleetFile;
  readonly profile: Profile;
  readonly character: Character;
  readonly trust: SharedTrust;
  readonly signal: AbortSignal;
  readonly onState: (state: DeviceState) => void;
  /** The broker's word that there is something to ask for. */
  readonly onTold: () => void;
  /** It was asked to show which one it is. */
  readonly onIdentify: (seconds: number) => void;
  readonly onAnswered?: ((milliseconds: number) => void) | undefined;
}

/** As `delay`, but a device that is waiting does not keep a simulation alive that has ended. */
function patiently(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds).unref();
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/**
 * One device: the real identity, protocol and update engine over a disk and a machine that are none. Its state lives as
 * long as this object; a boot of its machine is survived, the end of the process is not.
 */
export class SimulatedDevice {
  readonly #options: DeviceOptions;
  readonly #disk = createMemoryDisk();
  readonly #http: DeviceHttp;
  readonly #machine: Machine;
  readonly #network: Network;
  #boot: Boot;
  #apps: SimulatedApps;

  constructor(options: DeviceOptions) {
    const { fleet, profile, character } = options;
    this.#options = options;
    this.#http = createServerHttp(fleet.server, fleet.ca, () => {});
    this.#machine = new Machine(profile, character);
    this.#network = new Network(character);
    this.#boot = this.#machine.coldBoot();
    this.#apps = new SimulatedApps(character);
  }

  /** Versions that run now, by app; `system` is the system's. */
  versions(): Record<string, string> {
    const apps = Object.entries(this.#apps.status()).map(([name, { version }]) => [name, version]);
    return { system: this.#boot.manifest.version, ...Object.fromEntries(apps) };
  }

  /** Lives until the signal is given. */
  async run(): Promise<void> {
    const { signal, onState, serial } = this.#options;
    try {
      onState('enrolling');
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const identity: Identity = { serial, privateKey };
      const credentials = await this.#enrol(identity);
      const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
      this.#http.identify({ certificate: credentials.certificate, key });
      const store = await openStateStore(this.#disk, STATE_DIR);
      while (!signal.aborted) {
        const word = await this.#runBoot(store, credentials, key);
        onState('offline');
        if (word !== 'off') this.#boot = await this.#machine.next(word, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#http.close();
      onState('off');
    }
  }

  async #enrol(identity: Identity): Promise<Credentials> {
    const { fleet, profile, character, signal } = this.#options;
    const certificate = await enrol({
      ...{ http: this.#http, fleet, identity, board: character.board, systemVersion: profile.systemVersion },
      onWaiting: () => {},
      async wait(milliseconds) {
        await delay(milliseconds, signal);
        if (signal.aborted) throw new NodeosError('INTERRUPTED', 'the simulation has ended');
      },
    });
    return storeCredentials(STATE_DIR, identity, fleet.ca, certificate, this.#disk);
  }

  /** From the start of the agent to its last word. */
  async #runBoot(
    store: StateStore,
    { certificate, deviceId }: Credentials,
    key: string,
  ): Promise<'kexec' | 'reboot' | 'off'> {
    const { fleet, profile, signal, character, onState, onTold, onIdentify, trust, serial } = this.#options;
    const { facts, manifest, evidence } = this.#boot;
    const apps = new SimulatedApps(character);
    this.#apps = apps;
    const ended = Promise.withResolvers<'kexec' | 'reboot' | 'off'>();
    const stop = (): void => ended.resolve('off');
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop);
    let connection: Connection | null = null;
    const events = createEventQueue(() => connection?.session.reportSoon());
    let gone = false;
    const bootId = randomUUID();
    const began = performance.now();
    const http = this.#network.through(this.#http, this.#options.onAnswered);
    const updater = assembleUpdater({
      ...{ manifest, store, pointer: this.#machine.pointer },
      executors: simulatedExecutors(character, trust, this.#machine),
      ports: {
        ...{ http, apps, facts, stateDir: STATE_DIR, slotDir: '', log: () => {}, now: Date.now, atRest: () => {} },
        init: { send: (word) => (word === 'kexec' || word === 'reboot') && ended.resolve(word) },
        native: { kexecFileLoad() {}, setClock() {}, trimMemory() {}, alignedBuffer: Buffer.alloc },
        event: (kind, text) => events.add(kind, text),
        report: () => connection?.session.report() ?? Promise.resolve(),
      },
      options: {
        ...{ disk: this.#disk, runDir: '', abi: '', bootId, partitionStart: () => 0, random: Math.random },
        async delay(milliseconds, signal) {
          await patiently(milliseconds, signal);
          // In a boot that has ended, nothing goes on.
          if (gone) await new Promise<never>(() => {});
        },
        limits: { ...DEVICE_LIMITS, systemSoakMs: profile.systemSoakMs * character.times },
        memory: () => ({ availableKiB: profile.memoryMiB * 512, agentRssKiB: 60_000 }),
        monotonicMs: () => performance.now(),
        lastBoot: async () => evidence,
      },
    });
    await updater.onBoot();
    const uptimeSeconds = (): number => (performance.now() - began) / 1000;
    connection = openConnection({
      ...{ fleet, deviceId, client: { certificate, key }, onRejected: stop },
      session: {
        ...{ http, updater, events },
        pollIntervalMs: profile.pollSeconds * 1000,
        reportIntervalMs: profile.reportSeconds * 1000,
        buildReport: async () =>
          simulatedReport({
            ...{ ...this.#boot, profile, character, serial, bootId, updater },
            ...{ uptimeSeconds: uptimeSeconds(), apps: apps.status() },
          }),
      },
      onOnline: () => onState('online'),
      onOffline: () => onState('offline'),
      onTell(tell) {
        if (tell.kind === 'desired-changed') onTold();
        if (tell.kind === 'desired-changed') connection?.session.poll(tell.afterMs);
        if (tell.kind === 'report-now') connection?.session.reportSoon();
        if (tell.kind === 'identify') onIdentify(tell.seconds);
        if (tell.kind === 'reboot') ended.resolve('reboot');
      },
    });
    const over = new AbortController();
    void this.#network.flap(over.signal, (up) => connection?.reach(up) ?? Promise.resolve());
    const word = await ended.promise;
    gone = true;
    over.abort();
    signal.removeEventListener('abort', stop);
    await connection.close();
    return word;
  }
}
