import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import type { BootChain, TrialKind } from '@nodeos/contracts/boot-chain.ts';
import type { BootFacts, InitWord } from '@nodeos/contracts/boot-facts.ts';
import type { AppStatus, DesiredState } from '@nodeos/contracts/desired-state.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';
import { appTargetPath, systemTargetPath } from '@nodeos/contracts/release.ts';
import type { SlotManifest } from '@nodeos/contracts/slot-manifest.ts';
import { delay } from '../backoff.ts';
import type { AppRuntime, InstalledApp, Updater } from '../ports.ts';
import { openPointer, type SlotName } from '../slots/pointer.ts';
import { withVolume } from '../slots/volume.ts';
import { TestHttp, TestRepository } from '../trust/repository.test-support.ts';
import { bootFilesOf, chooseSlot, writeGrubAttempts, writeRecords } from './boot-loaders.test-support.ts';
import { systemDisk } from './disk.ts';
import { createUpdater } from './engine.ts';
import { FaultDisk, type Losses } from './fault-disk.test-support.ts';
import type { UpdaterOptions } from './options.ts';

export const BOARD = 'x86_64-usb';
/** Where the boot partition begins; U-Boot's records lie before it. */
const BOOT_STARTS: Readonly<Record<BootChain, number>> = {
  grub: 1_048_576,
  raspberrypi: 1_048_576,
  'u-boot': 3_145_728,
};
const FAST_DISK = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export function appManifest(version: string, change: Partial<AppManifest> = {}): AppManifest {
  return {
    format: 1,
    name: 'hello',
    version,
    description: '',
    start: ['node', 'index.js'],
    env: {},
    ports: [],
    devices: [],
    network: 'host',
    memoryMiB: 64,
    probe: null,
    soakMs: 0,
    swap: 'overlap',
    stopGraceMs: 1000,
    abi: 'any',
    ...change,
  };
}

function makeVolume(image: string, bytes: number, files: Record<string, Buffer>): Buffer {
  const folder = mkdtempSync(join(FAST_DISK, 'nodeos-volume-'));
  try {
    writeFileSync(image, '');
    truncateSync(image, bytes);
    execFileSync('mkfs.vfat', ['--invariant', '-s', '4', image], { stdio: 'pipe' });
    const folders = new Set<string>();
    for (const [path, content] of Object.entries(files)) {
      writeFileSync(join(folder, 'file'), content);
      const parent = path.split('/').slice(0, -1).join('/');
      if (parent && !folders.has(parent)) execFileSync('mmd', ['-i', image, `::${parent}`], { stdio: 'pipe' });
      folders.add(parent);
      execFileSync('mcopy', ['-i', image, join(folder, 'file'), `::${path}`], { stdio: 'pipe' });
    }
    return readFileSync(image);
  } finally {
    rmSync(folder, { recursive: true });
    rmSync(image);
  }
}

const bootImages = new Map<BootChain, Buffer>();

function bootVolume(chain: BootChain): Buffer {
  const known = bootImages.get(chain);
  if (known) return known;
  const made = makeVolume(join(FAST_DISK, `nodeos-boot-${process.pid}`), 1_474_560, bootFilesOf(chain));
  bootImages.set(chain, made);
  return made;
}

export interface SlotImage {
  readonly bytes: Buffer;
  readonly manifest: SlotManifest;
}

const images = new Map<string, SlotImage>();

/** A slot image with a kernel that is none; made once for each version and root. */
export function slotImage(version: string, root: Buffer, manifestChange: Partial<SlotManifest> = {}): SlotImage {
  const key = JSON.stringify([version, root.length, createHash('sha256').update(root).digest('hex'), manifestChange]);
  const known = images.get(key);
  if (known) return known;
  const files: Record<string, Buffer> = {
    kernel: Buffer.alloc(150_000, `kernel ${version} `),
    'initramfs.img': Buffer.alloc(20_000, `initramfs ${version} `),
    'root.json': root,
  };
  const describe = (bytes: Buffer) => ({
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  });
  const manifest: SlotManifest = {
    format: 1,
    board: BOARD,
    version,
    buildTime: 1_760_000_000,
    boot: { chain: 'grub', trial: 'kexec' },
    commandLine: 'console=ttyS0 quiet',
    kernelRelease: '6.12.0',
    nodeVersion: '24.21.0',
    files: Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, describe(bytes)])),
    ...manifestChange,
  };
  const image = join(FAST_DISK, `nodeos-slot-${process.pid}`);
  const bytes = makeVolume(image, 1_572_864, { ...files, 'manifest.json': Buffer.from(JSON.stringify(manifest)) });
  const made = { bytes, manifest };
  images.set(key, made);
  return made;
}

/** Runs apps without processes; versions in `broken` do not start. */
export class FakeApps implements AppRuntime {
  readonly running = new Map<string, InstalledApp>();
  readonly broken = new Set<string>();
  /** Versions that start, and are ill afterwards. */
  readonly ill = new Set<string>();
  /** Versions that leave the device no way to its server. */
  readonly cutOff = new Set<string>();
  activating: (candidate: InstalledApp) => Promise<void> = async () => {};

  async start(app: InstalledApp): Promise<void> {
    this.running.set(app.manifest.name, app);
  }
  async activate(
    candidate: InstalledApp,
    previous: InstalledApp | null,
    onPhase: (phase: 'starting' | 'soaking') => void,
    gate?: (signal: AbortSignal) => Promise<void>,
  ) {
    const { name, version } = candidate.manifest;
    onPhase('starting');
    await this.activating(candidate);
    if (this.broken.has(version)) {
      if (previous) this.running.set(name, previous);
      throw new NodeosError('APP_START_FAILED', `${name} ${version} ended with exit code 1`);
    }
    onPhase('soaking');
    this.running.set(name, candidate);
    await gate?.(new AbortController().signal).catch((error) => {
      if (previous) this.running.set(name, previous);
      else this.running.delete(name);
      throw error;
    });
  }
  async remove(name: string): Promise<void> {
    this.running.delete(name);
  }
  status(): Record<string, AppStatus> {
    return Object.fromEntries(
      [...this.running].map(([name, { manifest, sha256 }]) => [
        name,
        {
          version: manifest.version,
          sha256,
          state: this.ill.has(manifest.version) ? 'backing-off' : 'running',
          restarts: 0,
          reason: null,
        } as const,
      ]),
    );
  }
  async allHealthy(limitMs: number): Promise<void> {
    const ill = [...this.running.values()].find((app) => this.ill.has(app.manifest.version));
    if (!ill) return;
    await new Promise((resolve) => setTimeout(resolve, Math.min(limitMs, 5)));
    throw new NodeosError('APP_PROBE_FAILED', `${ill.manifest.name} is ill`);
  }
  async stopAll(): Promise<void> {
    this.running.clear();
  }
}

const LIMITS: UpdaterOptions['limits'] = {
  ...DEVICE_LIMITS,
  fetchRetryMinMs: 2,
  fetchRetryMaxMs: 20,
  systemSoakMs: 4,
  systemGatesTimeoutMs: 60,
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
