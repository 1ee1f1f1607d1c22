import type { NodeosError } from '@nodeos/contracts/errors.ts';
import type { InstalledApp } from '../ports.ts';
import { Instance } from './instance.ts';
import type { AppSurroundings, RunningApp } from './running-app.ts';

/** Why a release does not run meanwhile. */
const UNDER_DEVELOPMENT = 'a development session runs in its place';

/** Unsigned files in the place of an app, as long as a session wants them and nothing is deployed there. */
export interface Development {
  /**
   * What runs goes on until the first `run`.
   * @param onOverruled called where something else than the session ends it, e.g. a deployment of the app
   */
  begin(name: string, onOverruled: (reason: string) => void): void;
  /**
   * Stops what runs and starts these files; null where the session has been overruled meanwhile.
   * @throws NodeosError KIOSK_TAKEN and what a start throws; then nothing runs in the app's place
   */
  run(app: InstalledApp): Promise<Instance | null>;
  /** The release, if there is one, runs again. */
  end(name: string): Promise<void>;
}

/** What of the supervisor is needed. */
interface Supervision {
  find(name: string): RunningApp | undefined;
  inTurn(name: string, work: () => Promise<void>): Promise<void>;
  /** Why the app may not run, if another one has the machine. */
  refuses(name: string): NodeosError | null;
}

interface DevelopedApp {
  instance: Instance | null;
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
    this.#apps.set(name, { instance: null, released: null, onOverruled });
  }

  async run(app: InstalledApp): Promise<Instance | null> {
    const { name } = app.manifest;
    let instance: Instance | null = null;
    await this.#supervision.inTurn(name, async () => {
      const developed = this.#apps.get(name);
      if (!developed) return;
      const taken = this.#supervision.refuses(name);
      if (taken) throw taken;
      await this.#takePlace(developed, this.#supervision.find(name));
      instance = await this.#launch(developed, app);
    });
    return instance;
  }

  async #takePlace(developed: DevelopedApp, running: RunningApp | undefined): Promise<void> {
    await stop(developed);
    if (!running || running.state === 'stopped') return;
    developed.released = running.app;
    await running.stop();
    running.refuse(developed.released, UNDER_DEVELOPMENT);
  }

  async #launch(developed: DevelopedApp, app: InstalledApp): Promise<Instance | null> {
    const { name } = app.manifest;
    const { launch, onChange, deviceFacts, configurations } = this.#around;
    const onLine = (stream: 'stdout' | 'stderr', text: string): void => this.#around.onLine(name, stream, text);
    const instance = new Instance(app, await launch(app, { hold: false }), onLine, () => ({
      device: deviceFacts?.() ?? {},
      restart: { count: 0, reason: null },
      configuration: configurations?.read(name) ?? {},
    }));
    developed.instance = instance;
    if (this.#apps.get(name) !== developed) {
      await stop(developed);
      return null;
    }
    onChange();
    void instance.ended.then(() => {
      if (instance.stopping) return;
      developed.instance = null;
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
    if (developed) await stop(developed);
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
