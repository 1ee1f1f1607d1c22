import { NodeosError } from '@nodeos/contracts/errors.ts';
import { delay } from '../backoff.ts';
import type { AppRuntime, InstalledApp } from '../ports.ts';
import { probeOnce } from './probe.ts';
import { type AppSurroundings, RunningApp } from './running-app.ts';
import { swapTo } from './swap.ts';

const HEALTH_STEP_MS = 250;
/** All apps must have been well for this long in a row. */
const HEALTHY_FOR_MS = 1_000;

export interface SupervisorOptions extends AppSurroundings {
  readonly availableMemoryKiB: () => Promise<number>;
  readonly startTimeoutMs?: number;
}

/** Runs the users' apps: starts, restarts, swaps and stops them, each by its own rules. */
export function createSupervisor(options: SupervisorOptions): AppRuntime {
  const apps = new Map<string, RunningApp>();
  /** Swaps and removals of one app follow one another. */
  const queues = new Map<string, Promise<void>>();

  function appFor(installed: InstalledApp): RunningApp {
    const name = installed.manifest.name;
    const known = apps.get(name);
    if (known) return known;
    const fresh = new RunningApp(installed, options);
    apps.set(name, fresh);
    return fresh;
  }

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
      if (app.state !== 'running') return `${name} is ${app.state}${app.reason ? `: ${app.reason}` : ''}`;
      const fault = await probeOnce(app.app.manifest).then(
        () => null,
        (error: Error) => error.message,
      );
      if (fault !== null) return `${name}: ${fault}`;
    }
    return null;
  }

  return {
    start(installed) {
      const app = appFor(installed);
      return inTurn(installed.manifest.name, async () => {
        if (app.state !== 'stopped' && app.app.sha256 === installed.sha256) return;
        if (app.state !== 'stopped') await app.stop();
        await app.keepRunning(installed);
      });
    },

    activate(candidate, previous, onPhase) {
      const name = candidate.manifest.name;
      return inTurn(name, async () => {
        const app = appFor(candidate);
        try {
          const { availableMemoryKiB, startTimeoutMs } = options;
          await swapTo(app, candidate, previous, { availableMemoryKiB, startTimeoutMs, onPhase });
        } catch (error) {
          if (!previous) apps.delete(name);
          options.onChange();
          throw error;
        }
      });
    },

    remove: (name) =>
      inTurn(name, async () => {
        await apps.get(name)?.stop();
        apps.delete(name);
        options.onChange();
      }),

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
      await Promise.all([...apps.values()].map((app) => app.stop()));
    },
  };
}
