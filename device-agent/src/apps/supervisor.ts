import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import { describeError, NodeosError } from '@nodeos/contracts/errors.ts';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';
import { delay } from '../backoff.ts';
import type { AppRuntime, InstalledApp } from '../ports.ts';
import type { AppConfigurations } from './app-configuration.ts';
import { type ConnectByName, failedSocket } from './app-network.ts';
import { DevelopedApps, type Development } from './developed-apps.ts';
import { ask } from './health.ts';
import { untilReleased } from './held-updates.ts';
import { createMachineHolder } from './machine-holder.ts';
import { type AppSurroundings, RunningApp } from './running-app.ts';
import { type Dependencies, stopGroups, waitsFor } from './start-order.ts';
import { swapTo } from './swap.ts';

const HEALTH_STEP_MS = 250;
const DEPENDENCY_STEP_MS = 50;
/** All apps must have been well for this long in a row. */
const HEALTHY_FOR_MS = 1_000;

export interface SupervisorOptions extends AppSurroundings {
  readonly configurations?: AppConfigurations;
  readonly availableMemoryKiB: () => Promise<number>;
  readonly startTimeoutMs?: number;
  /** An app gets the machine for itself, or with null gives it back; waited for before the app starts. */
  readonly onKiosk?: (app: string | null) => Promise<void>;
}

export interface Supervisor extends AppRuntime {
  /** Of the apps that run or are to run. */
  manifests(): AppManifest[];
  /** Opens a connection to a port of an app. */
  readonly connect: ConnectByName;
  readonly development: Development;
}

/** Runs the users' apps: starts, restarts, swaps and stops them, each by its own rules. */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  const apps = new Map<string, RunningApp>();
  /** Swaps and removals of one app follow one another. */
  const queues = new Map<string, Promise<void>>();
  const machine = createMachineHolder(options.onKiosk);
  const developed = new DevelopedApps(options, {
    find: (name) => apps.get(name),
    inTurn: (name, work) => inTurn(name, work),
    refuses: (name) => machine.refuses(name),
    availableMemoryKiB: options.availableMemoryKiB,
  });

  function appFor(installed: InstalledApp): RunningApp {
    const name = installed.manifest.name;
    const known = apps.get(name);
    if (known) return known;
    const fresh = new RunningApp(installed, options);
    apps.set(name, fresh);
    return fresh;
  }

  function dependencies(): Dependencies {
    return new Map([...apps].map(([name, app]) => [name, app.app.manifest.dependsOn ?? []]));
  }

  /** Name of another app that runs as the user that this one asks for. */
  function whoHasUser({ manifest }: InstalledApp): string | null {
    const user = manifest.user ?? manifest.name;
    const other = [...apps].find(
      ([name, { app, state }]) =>
        name !== manifest.name && state !== 'stopped' && (app.manifest.user ?? app.manifest.name) === user,
    );
    return other?.[0] ?? null;
  }

  function userTaken(installed: InstalledApp): NodeosError | null {
    const { name, user = name } = installed.manifest;
    const holder = whoHasUser(installed);
    return holder === null ? null : new NodeosError('APP_USER_TAKEN', `${name}: ${holder} runs as the user ${user}`);
  }

  /** Everybody else is stopped first, and told why. */
  async function takeMachine({ manifest: { name } }: InstalledApp): Promise<void> {
    if (!machine.take(name)) return;
    const others = [...apps.keys()].filter((other) => other !== name);
    await Promise.all([
      developed.overruleAllBut(name, `${name} takes the whole machine`),
      ...others.map((other) => inTurn(other, () => giveWay(other))),
    ]);
    await machine.taken();
  }

  async function giveWay(name: string): Promise<void> {
    const app = apps.get(name);
    if (!app || machine.isAside(name)) return;
    const installed = app.app;
    await app.stop();
    setAside(app, installed);
  }

  function setAside(app: RunningApp, installed: InstalledApp): void {
    app.refuse(installed, describeError(machine.refuses(installed.manifest.name)));
    machine.putAside(installed);
  }

  /** Those that had to wait start again. */
  async function releaseMachine(): Promise<void> {
    for (const installed of await machine.release()) await runtime.start(installed);
  }

  function downDependencies({ manifest }: InstalledApp): string[] {
    return (manifest.dependsOn ?? []).filter((name) => apps.get(name)?.state !== 'running');
  }

  /** At boot all apps are there at once: each waits for those it needs, but not for ever. */
  async function startAfter(installed: InstalledApp, app: RunningApp): Promise<void> {
    const turn = app.showWaiting(installed);
    const endAt = performance.now() + (options.startTimeoutMs ?? DEVICE_LIMITS.appStartTimeoutMs);
    // The others are named in the same turn.
    await Promise.resolve();
    const missing = (): string[] =>
      waitsFor(installed.manifest.name, dependencies()).filter((name) => apps.get(name)?.state !== 'running');
    while (missing().length > 0 && performance.now() < endAt && app.isCurrent(turn)) await delay(DEPENDENCY_STEP_MS);
    if (!app.isCurrent(turn)) return;
    const down = downDependencies(installed);
    if (down.length > 0) app.note(`started although ${down.join(', ')} does not run`);
    await app.keepRunning(installed);
  }

  options.configurations?.onChange((name) => {
    apps.get(name)?.configure();
    developed.configure(name);
  });

  function inTurn(name: string, work: () => Promise<void>): Promise<void> {
    const result = (queues.get(name) ?? Promise.resolve()).then(work);
    queues.set(
      name,
      result.catch(() => {}),
    );
    return result;
  }

  async function unhealthyReason(): Promise<string | null> {
    for (const [name, app] of apps) {
      if (machine.isAside(name) || developed.has(name)) continue;
      if (app.state !== 'running') return `${name} is ${app.state}${app.reason ? `: ${app.reason}` : ''}`;
      if (!app.instance) return `${name} does not run`;
      const fault = await ask(app.instance).then(
        () => null,
        (error: Error) => error.message,
      );
      if (fault !== null) return `${name}: ${fault}`;
    }
    return null;
  }

  const runtime: Supervisor = {
    development: developed,

    start(installed) {
      const app = appFor(installed);
      if (machine.refuses(installed.manifest.name)) {
        setAside(app, installed);
        return Promise.resolve();
      }
      const taken = userTaken(installed);
      if (taken) {
        app.refuse(installed, describeError(taken));
        return Promise.resolve();
      }
      // Before whoever else asks in this turn.
      const alone = installed.manifest.kiosk ? takeMachine(installed) : Promise.resolve();
      if ((installed.manifest.dependsOn ?? []).length > 0 && app.state === 'stopped') {
        // Whoever asked goes on meanwhile: what this one needs may not have been named yet.
        void startAfter(installed, app);
        return Promise.resolve();
      }
      return inTurn(installed.manifest.name, async () => {
        await alone;
        if (app.state !== 'stopped' && app.app.sha256 === installed.sha256) return;
        if (app.state !== 'stopped') await app.stop();
        await app.keepRunning(installed);
      });
    },

    activate(candidate, previous, onPhase, gate) {
      const name = candidate.manifest.name;
      return inTurn(name, async () => {
        const app = appFor(candidate);
        const overruled = await developed.overrule(name, `version ${candidate.manifest.version} was deployed`);
        try {
          const taken = machine.refuses(name) ?? userTaken(candidate);
          if (taken) throw taken;
          const down = downDependencies(candidate);
          if (down.length > 0)
            throw new NodeosError('APP_DEPENDENCY_MISSING', `${name} needs ${down.join(', ')}, which does not run`);
          if (candidate.manifest.kiosk) await takeMachine(candidate);
          const { availableMemoryKiB, startTimeoutMs } = options;
          await swapTo(app, candidate, previous, { availableMemoryKiB, startTimeoutMs, onPhase, gate });
          if (!candidate.manifest.kiosk && machine.isHeldBy(name)) await releaseMachine();
        } catch (error) {
          if (!previous?.manifest.kiosk && machine.isHeldBy(name)) await releaseMachine();
          if (!previous) apps.delete(name);
          else if (overruled && app.state === 'stopped') await app.keepRunning(overruled);
          options.onChange();
          throw error;
        }
      });
    },

    untilReleased: (update, onHeld, signal) => untilReleased(apps, update, onHeld, signal),

    remove: (name) =>
      inTurn(name, async () => {
        await developed.overrule(name, 'the app was removed');
        await apps.get(name)?.stop();
        apps.delete(name);
        machine.forget(name);
        if (machine.isHeldBy(name)) await releaseMachine();
        options.onChange();
      }),

    manifests: () =>
      [...[...apps.values()].filter(({ state }) => state !== 'stopped'), ...developed.instances()].map(
        ({ app }) => app.manifest,
      ),

    connect(name, ...to) {
      const developing = developed.instances().find(({ app }) => app.manifest.name === name);
      const instance = developing ?? apps.get(name)?.instance;
      return instance ? instance.connect(...to) : failedSocket(new Error(`${name} does not run`));
    },

    status: () => Object.fromEntries([...apps].map(([name, app]) => [name, app.status()])),

    async allHealthy(limitMs) {
      const endAt = performance.now() + limitMs;
      let wellSince: number | null = null;
      for (;;) {
        const reason = await unhealthyReason();
        const now = performance.now();
        wellSince = reason === null ? (wellSince ?? now) : null;
        if (wellSince !== null && (apps.size === 0 || now - wellSince >= HEALTHY_FOR_MS)) return;
        if (now >= endAt) throw new NodeosError('APP_PROBE_FAILED', reason ?? 'the apps were not well for long enough');
        await delay(HEALTH_STEP_MS);
      }
    },

    async stopAll() {
      await developed.endAll();
      for (const group of stopGroups(dependencies())) await Promise.all(group.map((name) => apps.get(name)?.stop()));
    },
  };
  return runtime;
}
