import type { AppStatus } from '@nodeos/contracts/desired-state.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { AppRuntime, ComingUpdate, InstalledApp } from '../ports.ts';

/** Runs apps without processes; versions in `broken` do not start. */
export class FakeApps implements AppRuntime {
  readonly running = new Map<string, InstalledApp>();
  readonly broken = new Set<string>();
  /** Versions that start, and are ill afterwards. */
  readonly ill = new Set<string>();
  /** Versions that leave the device no way to its server. */
  readonly cutOff = new Set<string>();
  /** Names of apps that hold updates back, with what they do. */
  readonly holds = new Map<string, Promise<void>>();
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
  async untilReleased({ name, endsAll }: ComingUpdate, onHeld: (by: string) => void, signal: AbortSignal) {
    for (const [holder, held] of this.holds)
      if (endsAll || holder === name) {
        onHeld(`${holder}: a print is running`);
        await Promise.race([held, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
      }
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
