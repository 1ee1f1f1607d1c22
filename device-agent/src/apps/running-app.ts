import type { AppStatus } from '@nodeos/contracts/desired-state.ts';
import { describeError } from '@nodeos/contracts/errors.ts';
import { delay } from '../backoff.ts';
import type { InstalledApp } from '../ports.ts';
import type { AppGreeting } from './app-channel.ts';
import type { AppConfigurations } from './app-configuration.ts';
import type { DataVersions } from './data-versions.ts';
import { untilHealthy } from './health.ts';
import { Instance, type OnLine } from './instance.ts';
import type { Launch } from './process.ts';
import { decideRestart, NO_RESTARTS } from './restart-policy.ts';

/** A migration that hangs must not keep the device from all further updates. */
const MIGRATION_LIMIT_MS = 600_000;

export interface AppSurroundings {
  readonly launch: Launch;
  readonly onLine: (name: string, stream: 'stdout' | 'stderr', text: string) => void;
  /** Something in status() changed. */
  readonly onChange: () => void;
  /** What the operator should hear of, one sentence. */
  readonly onEvent: (text: string) => void;
  /** What an app is told of the device. */
  readonly deviceFacts?: () => Readonly<Record<string, string>>;
  readonly configurations?: Pick<AppConfigurations, 'read'>;
  readonly dataVersions?: DataVersions;
  readonly migrationLimitMs?: number;
}

/** One app by name: the version that runs now, started again whenever it ends by itself. */
export class RunningApp {
  readonly #around: AppSurroundings;
  #app: InstalledApp;
  #instance: Instance | null = null;
  #state: AppStatus['state'] = 'stopped';
  #restarts = 0;
  #reason: string | null = null;
  /** The reason is why it was not started: it does not hold any more once it is. */
  #refused = false;
  #policy = NO_RESTARTS;
  #timer: NodeJS.Timeout | null = null;
  /** Changes with every start and stop, so that what was begun before them knows it is too late. */
  #turn = 0;

  constructor(app: InstalledApp, around: AppSurroundings) {
    this.#app = app;
    this.#around = around;
  }

  get app(): InstalledApp {
    return this.#app;
  }
  get instance(): Instance | null {
    return this.#instance;
  }
  get state(): AppStatus['state'] {
    return this.#state;
  }
  get reason(): string | null {
    return this.#reason;
  }

  /** Starts this version and keeps it running from then on; resolves when its process has begun or could not. */
  async keepRunning(app: InstalledApp): Promise<void> {
    this.#app = app;
    this.#clearTimer();
    if (this.#refused) this.#reason = null;
    this.#refused = false;
    const turn = ++this.#turn;
    this.#setState('starting');
    await this.#startOnce(turn);
  }

  async #startOnce(turn: number): Promise<void> {
    let instance: Instance;
    try {
      await this.settleData(this.#app, this.#app);
      instance = await this.launch(this.#app, false);
    } catch (error) {
      if (turn === this.#turn) this.#restartLater(0, `could not be started: ${describeError(error)}`);
      return;
    }
    if (turn !== this.#turn) return void instance.stop(0);
    this.#watch(instance, turn);
    void untilHealthy(instance, Number.POSITIVE_INFINITY).then(
      () => turn === this.#turn && this.#setState('running'),
      () => {},
    );
  }

  #watch(instance: Instance, turn: number): void {
    this.#instance = instance;
    void instance.ended.then(() => {
      if (turn !== this.#turn || instance.stopping) return;
      this.#instance = null;
      this.#restartLater(instance.ranMs(), instance.reason());
    });
  }

  #restartLater(ranMs: number, reason: string): void {
    const decision = decideRestart(this.#policy, ranMs);
    this.#policy = decision.state;
    this.#restarts++;
    this.#reason = reason.slice(0, 1000);
    const name = `${this.#app.manifest.name} ${this.#app.manifest.version}`;
    this.#around.onLine(this.#app.manifest.name, 'stderr', `[nodeos] ${reason}; again in ${decision.delayMs} ms`);
    if (decision.loopBegins) this.#around.onEvent(`${name} is in a crash loop: ${reason}`);
    else if (decision.state.earlyEnds === 1) this.#around.onEvent(`${name} ${reason}`);
    this.#setState('backing-off');
    const turn = ++this.#turn;
    this.#timer = setTimeout(() => {
      this.#setState('starting');
      void this.#startOnce(turn);
    }, decision.delayMs);
  }

  /** Starts a process of some version without making it this app's own. */
  async launch(app: InstalledApp, hold: boolean): Promise<Instance> {
    const process = await this.#around.launch(app, { hold });
    const onLine: OnLine = (stream, text) => this.#around.onLine(app.manifest.name, stream, text);
    return new Instance(app, process, onLine, () => this.#greeting(app));
  }

  #greeting(app: InstalledApp): AppGreeting {
    const own = app.sha256 === this.#app.sha256;
    return {
      device: this.#around.deviceFacts?.() ?? {},
      // A version on trial was not started again by itself.
      restart: own ? { count: this.#restarts, reason: this.#reason } : { count: 0, reason: null },
      configuration: this.#around.configurations?.read(app.manifest.name) ?? {},
    };
  }

  /** Brings the data in the home to the version that an app is for. @throws NodeosError APP_MIGRATION_FAILED, APP_DATA_TOO_NEW */
  async settleData(app: InstalledApp, previous: InstalledApp | null): Promise<void> {
    await this.#around.dataVersions?.settle(app, previous, async (by, command) => {
      const manifest = { ...by.manifest, start: [...command] };
      const process = await this.#around.launch({ ...by, manifest }, { hold: false });
      const instance = new Instance({ ...by, manifest }, process, (stream, text) =>
        this.#around.onLine(by.manifest.name, stream, text),
      );
      const limitMs = this.#around.migrationLimitMs ?? MIGRATION_LIMIT_MS;
      const over = new AbortController();
      const late = delay(limitMs, over.signal).then(() => 'late' as const);
      const first = await Promise.race([instance.ended, late]);
      over.abort();
      if (first === 'late') {
        await instance.stop(0);
        throw new Error(`did not end within ${limitMs} ms`);
      }
      if (first.code !== 0) throw new Error(instance.reason());
    });
  }

  needsMigration(app: InstalledApp): boolean {
    return this.#around.dataVersions?.needsMigration(app, this.#app) ?? false;
  }

  /** Keeps the app from being started and says why. */
  refuse(app: InstalledApp, reason: string): void {
    this.#app = app;
    this.#reason = reason;
    this.#refused = true;
    this.#around.onLine(app.manifest.name, 'stderr', `[nodeos] not started: ${reason}`);
    this.#state = 'stopped';
    this.#around.onChange();
  }

  /** Shows the app as starting although something else must run before it. */
  showWaiting(app: InstalledApp): number {
    this.#app = app;
    this.#clearTimer();
    this.#setState('starting');
    return ++this.#turn;
  }

  isCurrent(turn: number): boolean {
    return turn === this.#turn;
  }

  note(text: string): void {
    this.#around.onLine(this.#app.manifest.name, 'stderr', `[nodeos] ${text}`);
  }

  configure(): void {
    this.#instance?.channel?.configure(this.#around.configurations?.read(this.#app.manifest.name) ?? {});
  }

  /** Lets go of the running process, if any, without stopping it; nothing is restarted any more. */
  detach(): Instance | null {
    this.#clearTimer();
    this.#turn++;
    const instance = this.#instance;
    if (instance) instance.stopping = true;
    this.#instance = null;
    return instance;
  }

  /** Shows a version as starting whose process is on trial: its end is the trial's business, not a restart's. */
  showTrial(instance: Instance): void {
    this.#app = instance.app;
    this.#instance = instance;
    this.#setState('starting');
  }

  /** The process on trial has held: it is kept running from now on. */
  adopt(instance: Instance): void {
    this.#app = instance.app;
    this.#policy = NO_RESTARTS;
    this.#restarts = 0;
    this.#reason = null;
    const turn = ++this.#turn;
    this.#setState('running');
    this.#watch(instance, turn);
  }

  async stop(): Promise<void> {
    await this.detach()?.stop(this.#app.manifest.stopGraceMs);
    this.#setState('stopped');
  }

  /** Resolves when the running version answers; @throws NodeosError with its last reason after the limit. */
  async untilRunning(limitMs: number): Promise<void> {
    const endAt = performance.now() + limitMs;
    for (;;) {
      const instance = this.#instance;
      try {
        if (!instance) throw new Error(this.#reason ?? 'is not running');
        return await untilHealthy(instance, Math.max(0, endAt - performance.now()));
      } catch (error) {
        if (performance.now() >= endAt) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  status(): AppStatus {
    return {
      version: this.#app.manifest.version,
      sha256: this.#app.sha256,
      state: this.#state,
      restarts: this.#restarts,
      reason: this.#reason,
    };
  }

  #clearTimer(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #setState(state: AppStatus['state']): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#around.onChange();
  }
}
