import type { AppStatus } from '@nodeos/contracts/desired-state.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { delay } from '../src/backoff.ts';
import type { AppRuntime, InstalledApp } from '../src/ports.ts';
import type { Character } from './character.ts';

/** Runs apps without processes: it takes its time, and what is bad on this device does not start. */
export class SimulatedApps implements AppRuntime {
  readonly #character: Character;
  readonly #running = new Map<string, InstalledApp>();

  constructor(character: Character) {
    this.#character = character;
  }

  async start(app: InstalledApp): Promise<void> {
    this.#running.set(app.manifest.name, app);
  }

  async activate(
    candidate: InstalledApp,
    previous: InstalledApp | null,
    onPhase: (phase: 'starting' | 'soaking') => void,
    gate: (signal: AbortSignal) => Promise<void> = async () => {},
  ): Promise<void> {
    const { name, version, soakMs } = candidate.manifest;
    onPhase('starting');
    await delay(this.#character.installMs);
    if (this.#character.isBad(`${name}@${version}`)) {
      if (previous) this.#running.set(name, previous);
      throw new NodeosError('APP_START_FAILED', `${name} ${version} ended with exit code 1: Error: simulated`);
    }
    onPhase('soaking');
    this.#running.set(name, candidate);
    await delay(soakMs);
    try {
      await gate(new AbortController().signal);
    } catch (error) {
      if (previous) this.#running.set(name, previous);
      else this.#running.delete(name);
      throw error;
    }
  }

  async untilReleased(): Promise<void> {}

  async remove(name: string): Promise<void> {
    this.#running.delete(name);
  }

  status(): Record<string, AppStatus> {
    return Object.fromEntries(
      [...this.#running].map(([name, { manifest, sha256 }]) => [
        name,
        { version: manifest.version, sha256, state: 'running', restarts: 0, reason: null } as const,
      ]),
    );
  }

  async allHealthy(): Promise<void> {}

  async stopAll(): Promise<void> {
    this.#running.clear();
  }
}
