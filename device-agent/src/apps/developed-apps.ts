import { isDeepStrictEqual } from 'node:util';
import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { InstalledApp } from '../ports.ts';
import { Instance } from './instance.ts';
import type { AppProcess } from './process.ts';
import type { AppSurroundings, RunningApp } from './running-app.ts';
import { canBeHeld, OVERLAP_MEMORY_MIN_KIB } from './swap.ts';

/** Why a release does not run meanwhile. */
const UNDER_DEVELOPMENT = 'a development session runs in its place';

/** Words that make node read files of the app before a script that was loaded ahead of it can wait. */
const READS_EARLY = /(^|\s)(-r|--(require|import|loader|experimental-loader|env-file\S*)\b)/;

/** Unsigned files in the place of an app, as long as a session wants them and nothing is deployed there. */
export interface Development {
  /**
   * What runs goes on until the first `run`.
   * @param onOverruled called where something else than the session ends it, e.g. a deployment of the app
   */
  begin(name: string, onOverruled: (reason: string) => void): void;
  /**
   * Starts these files; what runs is stopped meanwhile, or before, as the app's `swap` says. Resolves when that is gone.
   * @param changes to the files of an app for which `isPrepared` holds, see DevelopmentFiles.changesIn
   * @returns null where the session has been overruled meanwhile
   * @throws NodeosError KIOSK_TAKEN and what a start throws; then nothing runs in the app's place
   */
  run(app: InstalledApp, changes: Buffer | null): Promise<Instance | null>;
  /** Starts a process for the next `run`, which waits for its changes; does nothing where memory is short. */
  prepare(app: InstalledApp): Promise<void>;
  /** Whether a process waits that differs from this app in its files only. */
  isPrepared(app: InstalledApp): boolean;
  /** The release, if there is one, runs again. */
  end(name: string): Promise<void>;
}

/** What of the supervisor is needed. */
interface Supervision {
  find(name: string): RunningApp | undefined;
  inTurn(name: string, work: () => Promise<void>): Promise<void>;
  /** Why the app may not run, if another one has the machine. */
  refuses(name: string): NodeosError | null;
  availableMemoryKiB(): Promise<number>;
}

interface Waiting {
  readonly app: InstalledApp;
  readonly process: AppProcess;
}

interface DevelopedApp {
  instance: Instance | null;
  waiting: Waiting | null;
  /** What others were told of. */
  shown: AppManifest | null;
  /** What was stopped for it. */
  released: InstalledApp | null;
  readonly onOverruled: (reason: string) => void;
}

/** Nothing of it outlives this process: what runs after a restart of the device, or of the agent, is the release. */
export class DevelopedApps implements Development {
  readonly #around: AppSurroundings;
  readonly #supervision: Supervision;
  readonly #apps = new Map<string, DevelopedApp>();

  constructor(around: AppSurroundings, supervision: Supervision) {
    this.#around = around;
    this.#supervision = supervision;
  }

  has(name: string): boolean {
    return this.#apps.has(name);
  }

  instances(): Instance[] {
    return [...this.#apps.values()].flatMap(({ instance }) => instance ?? []);
  }

  begin(name: string, onOverruled: (reason: string) => void): void {
    this.#apps.set(name, { instance: null, waiting: null, shown: null, released: null, onOverruled });
  }

  async run(app: InstalledApp, changes: Buffer | null): Promise<Instance | null> {
    const { name } = app.manifest;
    let instance: Instance | null = null;
    await this.#supervision.inTurn(name, async () => {
      const developed = this.#apps.get(name);
      if (!developed) return;
      const taken = this.#supervision.refuses(name);
      if (taken) throw taken;
      const overlaps = app.manifest.swap === 'overlap' && (await this.#canWait(app));
      const gone = this.#takePlace(developed, this.#supervision.find(name));
      if (!overlaps) await gone;
      try {
        const process = changes ? release(developed, changes) : await this.#around.launch(app, { hold: overlaps });
        instance = await this.#show(developed, app, process);
        await gone;
        // The port is free: whatever the app meets there is its own.
        process.control?.write('now\n');
      } finally {
        await Promise.all([gone, changes ? null : drop(developed)]);
      }
    });
    return instance;
  }

  /** A process beside the one that runs takes memory, and Node.js's way to be held back. */
  async #canWait(app: InstalledApp): Promise<boolean> {
    return canBeHeld(app) && (await this.#supervision.availableMemoryKiB()) >= OVERLAP_MEMORY_MIN_KIB;
  }

  async prepare(app: InstalledApp): Promise<void> {
    const { name, start, env } = app.manifest;
    const developed = this.#apps.get(name);
    if (!developed || READS_EARLY.test([...start, env.NODE_OPTIONS].join(' ')) || !(await this.#canWait(app))) return;
    const manifest = { ...app.manifest, env: { ...env, NODEOS_STANDBY: '1' } };
    await this.#supervision.inTurn(name, async () => {
      await drop(developed);
      const waiting = { app, process: await this.#around.launch({ ...app, manifest }, { hold: true }) };
      const end = (): void => {
        if (developed.waiting === waiting) void drop(developed);
      };
      developed.waiting = waiting;
      waiting.process.control?.resume().once('close', end).once('error', end);
      if (this.#apps.get(name) !== developed) end();
    });
  }

  isPrepared({ manifest, development }: InstalledApp): boolean {
    const waiting = this.#apps.get(manifest.name)?.waiting?.app;
    return waiting?.development?.home === development?.home && isDeepStrictEqual(waiting?.manifest, manifest);
  }

  async #takePlace(developed: DevelopedApp, running: RunningApp | undefined): Promise<void> {
    await stop(developed);
    if (!running || running.state === 'stopped') return;
    developed.released = running.app;
    await running.stop();
    running.refuse(developed.released, UNDER_DEVELOPMENT);
  }

  /** Null where the session has been overruled meanwhile. */
  async #show(developed: DevelopedApp, app: InstalledApp, process: AppProcess): Promise<Instance | null> {
    const { name } = app.manifest;
    const { onChange, deviceFacts, configurations } = this.#around;
    const onLine = (stream: 'stdout' | 'stderr', text: string): void => this.#around.onLine(name, stream, text);
    const instance = new Instance(app, process, onLine, () => ({
      device: deviceFacts?.() ?? {},
      restart: { count: 0, reason: null },
      configuration: configurations?.read(name) ?? {},
    }));
    developed.instance = instance;
    if (this.#apps.get(name) !== developed) {
      await stop(developed);
      return null;
    }
    // To others it is the same app as before.
    if (!isDeepStrictEqual(developed.shown, app.manifest)) onChange();
    developed.shown = app.manifest;
    void instance.ended.then(() => {
      if (instance.stopping) return;
      developed.instance = null;
      developed.shown = null;
      onLine('stderr', `[nodeos] ${instance.reason()}; it is started again after the next change`);
      onChange();
    });
    return instance;
  }

  end(name: string): Promise<void> {
    return this.#supervision.inTurn(name, async () => {
      const released = await this.#leave(name);
      const app = this.#supervision.find(name);
      if (released && app?.state === 'stopped') await app.keepRunning(released);
      this.#around.onChange();
    });
  }

  /** Makes way for what an operator wants; the session is told. @returns what was stopped for it, which does not run yet */
  async overrule(name: string, reason: string): Promise<InstalledApp | null> {
    const developed = this.#apps.get(name);
    const released = await this.#leave(name);
    developed?.onOverruled(reason);
    return released;
  }

  async overruleAllBut(name: string, reason: string): Promise<void> {
    await Promise.all([...this.#apps.keys()].filter((other) => other !== name).map((o) => this.overrule(o, reason)));
  }

  /** What ran before it. */
  async #leave(name: string): Promise<InstalledApp | null> {
    const developed = this.#apps.get(name);
    this.#apps.delete(name);
    if (developed) await Promise.all([stop(developed), drop(developed)]);
    return developed?.released ?? null;
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.#apps.keys()].map((name) => this.#leave(name)));
  }

  configure(name: string): void {
    this.#apps.get(name)?.instance?.channel?.configure(this.#around.configurations?.read(name) ?? {});
  }
}

async function stop(developed: DevelopedApp): Promise<void> {
  const { instance } = developed;
  developed.instance = null;
  await instance?.stop(instance.app.manifest.stopGraceMs);
}

/** The process that waited begins with its app. @throws NodeosError APP_START_FAILED */
function release(developed: DevelopedApp, changes: Buffer): AppProcess {
  const { waiting } = developed;
  if (!waiting) throw new NodeosError('APP_START_FAILED', 'the process that waited for a change has ended');
  developed.waiting = null;
  waiting.process.control?.write(changes);
  return waiting.process;
}

async function drop(developed: DevelopedApp): Promise<void> {
  const { waiting } = developed;
  developed.waiting = null;
  if (waiting) await new Instance(waiting.app, waiting.process, () => {}).stop(0);
}
