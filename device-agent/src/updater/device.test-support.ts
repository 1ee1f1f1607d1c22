import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { appManifest } from '@nodeos/contracts/app-manifest.testing.ts';
import type { BootChain, TrialKind } from '@nodeos/contracts/boot-chain.ts';
import type { BootFacts, InitWord } from '@nodeos/contracts/boot-facts.ts';
import type { DesiredState } from '@nodeos/contracts/desired-state.ts';
import type { UpdateStatus } from '@nodeos/contracts/device-api.ts';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';
import { appTargetPath, systemTargetPath } from '@nodeos/contracts/release.ts';
import { delay } from '../backoff.ts';
import type { Updater } from '../ports.ts';
import { openPointer, type SlotName } from '../slots/pointer.ts';
import { withVolume } from '../slots/volume.ts';
import { TestHttp, TestRepository } from '../trust/repository.test-support.ts';
import { chooseSlot, writeGrubAttempts, writeRecords } from './boot-loaders.test-support.ts';
import { systemDisk } from './disk.ts';
import { createUpdater } from './engine.ts';
import { FakeApps } from './fake-apps.test-support.ts';
import { FaultDisk, type Losses } from './fault-disk.test-support.ts';
import type { UpdaterOptions } from './options.ts';
import { BOARD, bootVolume, FAST_DISK, type SlotImage, slotImage } from './slot-image.test-support.ts';

/** Where the boot partition begins; U-Boot's records lie before it. */
const BOOT_STARTS: Readonly<Record<BootChain, number>> = {
  grub: 1_048_576,
  raspberrypi: 1_048_576,
  'u-boot': 3_145_728,
};
const LIMITS: UpdaterOptions['limits'] = {
  ...DEVICE_LIMITS,
  fetchRetryMinMs: 2,
  fetchRetryMaxMs: 20,
  systemSoakMs: 4,
  // Where a system is to be confirmed, a busy machine must not be what keeps its gates shut.
  systemGatesTimeoutMs: 5_000,
  systemGatesIntervalMs: 1,
  tryReportTimeoutMs: 20,
  appServerTimeoutMs: 60,
  bootHealthyMs: 10,
  fetchRateWindowMs: 200,
};

export interface DeviceKind {
  /** Folder of another device, whose disks this one begins with. */
  readonly from?: string;
  readonly random?: () => number;
  readonly chain?: BootChain;
  readonly trial?: TrialKind;
}

/** Data partition, slots and boot partition in files; a boot loader and an init that do what theirs do. */
export class TestDevice {
  readonly folder = mkdtempSync(join(FAST_DISK, 'nodeos-device-'));
  readonly repository: TestRepository;
  readonly http: TestHttp;
  readonly disk: FaultDisk;
  /** Slot images by version, all that may ever stand in a slot. */
  readonly known = new Map<string, SlotImage>();
  readonly events: string[] = [];
  readonly words: InitWord[] = [];
  apps = new FakeApps();
  updater!: Updater;
  slot: SlotName = 'a';
  version = '';
  boots = 0;
  /** Seconds of init's timer in this boot, 0 for none. */
  trial = 0;
  serverUp = true;
  /** Systems on trial do not reach the server. */
  spoilTrials = false;
  kexecError: string | null = null;
  /** What hardware and firmware say about the last boot. */
  evidence: string | null = null;
  memory = { availableKiB: 50_000, agentRssKiB: 60_000 };
  limits = LIMITS;
  /** The engine's clock; another one lets a test wait for nothing. */
  time: Partial<Pick<UpdaterOptions, 'delay' | 'monotonicMs'>> = {};
  readonly chain: BootChain;
  readonly trialKind: TrialKind;
  #loaded: string | null = null;
  /** The firmware's word for one boot, which a power cut takes away. */
  #tryboot = false;
  #ended: (how: 'kexec' | 'reboot' | 'cut') => void = () => {};
  ended: Promise<'kexec' | 'reboot' | 'cut'> = Promise.resolve('reboot');

  constructor(
    losses: Losses = 'nothing lost',
    repository = new TestRepository(),
    { from, random, chain = 'grub', trial = 'kexec' }: DeviceKind = {},
  ) {
    this.chain = chain;
    this.trialKind = trial;
    this.repository = repository;
    this.http = new TestHttp(repository);
    this.disk = new FaultDisk(losses, random);
    if (from !== undefined) {
      cpSync(from, this.folder, { recursive: true });
      return;
    }
    mkdirSync(join(this.folder, 'run'));
    const records = Buffer.alloc(BOOT_STARTS[chain]);
    writeRecords(chain, records);
    writeFileSync(join(this.folder, 'disk'), Buffer.concat([records, bootVolume(chain)]));
    const factory = this.makeSystem('1.0.0');
    for (const slot of ['slot-a', 'slot-b'])
      writeFileSync(join(this.folder, slot), Buffer.concat([factory.bytes, Buffer.alloc(262_144)]));
  }

  dispose(): void {
    this.boots++;
    rmSync(this.folder, { recursive: true, force: true });
  }

  get stateDir(): string {
    return join(this.folder, 'data/.system/agent');
  }
  get pointer() {
    return openPointer(this.chain, {
      disk: systemDisk,
      device: join(this.folder, 'disk'),
      start: BOOT_STARTS[this.chain],
    });
  }
  slotBytes(slot: SlotName): Buffer {
    return readFileSync(join(this.folder, `slot-${slot}`));
  }
  /** Version of the whole, known system in a slot; null where there is none. */
  wholeSystem(slot: SlotName): string | null {
    const bytes = this.slotBytes(slot);
    for (const [version, image] of this.known)
      if (bytes.subarray(0, image.bytes.length).equals(image.bytes)) return version;
    return null;
  }

  /** What the tests about power cuts deploy; a repository that has it already is left as it is. */
  publishAll(): void {
    const fresh = this.repository.blobs.size === 0;
    this.makeSystem('1.1.0');
    if (!fresh) return;
    this.publishApp('1.0.0');
    this.publishApp('2.0.0');
    this.publishSystem('1.1.0');
  }

  makeSystem(version: string): SlotImage {
    const boot = { chain: this.chain, trial: this.trialKind };
    const image = slotImage(version, this.repository.root, { boot });
    this.known.set(version, image);
    return image;
  }
  publishSystem(version: string, image = this.makeSystem(version)): void {
    this.repository.addTarget(systemTargetPath(BOARD, version), image.bytes, {
      kind: 'system',
      system: image.manifest,
      notes: '',
    });
  }
  publishApp(version: string, name = 'hello', bytes = Buffer.alloc(120_000, `${name} ${version} `)): void {
    const app = appManifest(version, { name });
    this.repository.addTarget(appTargetPath(name, version, 'any'), bytes, { kind: 'app', app, notes: '' });
  }

  runningVersion(name = 'hello'): string | undefined {
    return this.apps.running.get(name)?.manifest.version;
  }
  bundles(): string[] {
    return readdirSync(join(this.stateDir, 'bundles'));
  }
  /** Updates that have ended, and how. */
  outcomes(): UpdateStatus[] {
    return this.updater.updates().filter(({ state }) => state === 'confirmed' || state === 'failed');
  }
  outcome(version: string): UpdateStatus | undefined {
    return this.outcomes().find((status) => status.version === version);
  }
  /** Wants these versions and waits until the update of each has ended. */
  async deploy(apps: Record<string, string>, system: string | null = null, deployment = 'd1'): Promise<void> {
    this.updater.apply(desired(apps, system, deployment));
    const versions = [...Object.values(apps), ...(system ? [system] : [])];
    await until(() => versions.every((version) => this.outcome(version)), `the end of ${versions}`);
  }

  /** What the boot loader does; also for a restart that takes the other slot once. */
  async coldBoot(): Promise<void> {
    const { slot, once } = chooseSlot(this.chain, join(this.folder, 'disk'), BOOT_STARTS[this.chain], this.#tryboot);
    await this.boot(slot, once ? DEVICE_LIMITS.trialTimeoutSeconds : 0);
  }

  async setAttempts(attempts: number): Promise<void> {
    writeGrubAttempts(join(this.folder, 'disk'), BOOT_STARTS.grub, { nodeos_attempts: String(attempts) });
  }

  /** init jumps into the loaded kernel. */
  async trialBoot(): Promise<void> {
    const words = new Map((this.#loaded ?? '').split(' ').map((word) => word.split('=') as [string, string]));
    await this.boot(words.get('nodeos.slot') as SlotName, Number(words.get('nodeos.trial')));
  }

  async boot(slot: SlotName, trial: number): Promise<void> {
    this.boots++;
    this.trial = trial;
    this.slot = slot;
    this.#loaded = null;
    this.#tryboot = false;
    this.apps = Object.assign(new FakeApps(), {
      ...{ broken: this.apps.broken, ill: this.apps.ill, cutOff: this.apps.cutOff },
    });
    rmSync(join(this.folder, 'run'), { recursive: true, force: true });
    rmSync(join(this.folder, 'slot'), { recursive: true, force: true });
    mkdirSync(join(this.folder, 'run'));
    mkdirSync(join(this.folder, 'slot'));
    withVolume(join(this.folder, `slot-${slot}`), 0, (volume) => {
      for (const file of ['manifest.json', 'root.json'])
        writeFileSync(join(this.folder, 'slot', file), volume.readFile(`/${file}`));
    });
    this.version = JSON.parse(readFileSync(join(this.folder, 'slot/manifest.json'), 'utf8')).version;
    this.ended = new Promise((resolve) => {
      this.#ended = resolve;
    });
    const boot = this.boots;
    this.disk.onCut = () => {
      this.#tryboot = false;
      this.#ended('cut');
    };
    await this.#startAgent(boot, trial);
  }

  /** The agent crashed and init starts it again in the same boot. */
  async restartAgent(trial: number): Promise<void> {
    await this.#startAgent(this.boots, trial);
  }

  async #startAgent(boot: number, trial: number): Promise<void> {
    const facts: BootFacts = {
      slot: this.slot,
      disk: join(this.folder, 'disk'),
      disk_id: '0123abcd',
      boot_part: 'boot',
      slot_a_part: join(this.folder, 'slot-a'),
      slot_b_part: join(this.folder, 'slot-b'),
      data_part: '',
      data: 'disk',
      data_note: '',
      grown: true,
      trial,
      watchdog: false,
    };
    const send = (word: InitWord) => {
      if (this.boots !== boot || this.disk.failing) return;
      this.words.push(word);
      if (word === 'kexec') this.#ended(this.#loaded ? 'kexec' : 'reboot');
      if (word === 'tryboot') this.#tryboot = true;
      if (word === 'reboot' || word === 'tryboot') this.#ended('reboot');
    };
    this.updater = await createUpdater(
      {
        http: this.http,
        apps: this.apps,
        init: { send },
        native: {
          kexecFileLoad: (_kernel, _initramfs, commandLine) => {
            if (this.kexecError) throw new Error(this.kexecError);
            this.#loaded = commandLine;
          },
          setClock: () => {},
          trimMemory: () => {},
          alignedBuffer: Buffer.alloc,
        },
        atRest: () => {},
        facts,
        stateDir: this.stateDir,
        slotDir: join(this.folder, 'slot'),
        log: () => {},
        event: (kind, text) => this.events.push(`${kind}: ${text}`),
        report: async () => {
          if (this.boots === boot && !this.disk.failing) this.#askServer(trial);
        },
        now: () => Date.parse('2026-11-21T12:00:00Z'),
      },
      {
        disk: this.disk.connect(),
        limits: this.limits,
        runDir: join(this.folder, 'run'),
        bootId: `boot-${boot}`,
        partitionStart: () => BOOT_STARTS[this.chain],
        memory: () => this.memory,
        lastBoot: async () => this.evidence,
        ...this.time,
        delay: async (milliseconds, signal) => {
          await (this.time.delay ?? delay)(milliseconds, signal);
          // In a boot that has ended, nothing goes on.
          if (this.boots !== boot || this.disk.failing) await new Promise<never>(() => {});
        },
      },
    );
    await this.updater.onBoot();
    this.#askServer(trial);
  }

  #askServer(trial: number): void {
    const cutOff = [...this.apps.running.values()].some(({ manifest }) => this.apps.cutOff.has(manifest.version));
    if (this.serverUp && !cutOff && !(this.spoilTrials && trial > 0)) this.updater.serverReachable();
  }

  get loadedCommandLine(): string | null {
    return this.#loaded;
  }
  readState() {
    return JSON.parse(readFileSync(join(this.stateDir, 'state.json'), 'utf8'));
  }
}

export function desired(
  apps: Record<string, string>,
  system: string | null = null,
  deployment: string | null = 'd1',
  generation = 1,
): DesiredState {
  return {
    format: 1,
    generation,
    system: system === null ? null : { version: system, target: systemTargetPath(BOARD, system), deployment },
    apps: Object.fromEntries(
      Object.entries(apps).map(([name, version]) => [
        name,
        { version, target: appTargetPath(name, version, 'any'), deployment },
      ]),
    ),
    removeApps: [],
  };
}

/** Waits for something to become true, with a limit and a name. */
export async function until(condition: () => boolean, what: string, limitMs = 10_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
