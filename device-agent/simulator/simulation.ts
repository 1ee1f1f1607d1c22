import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import { delay } from '../src/backoff.ts';
import { characterOf } from './character.ts';
import { type DeviceState, SimulatedDevice } from './device.ts';
import type { Profile } from './profile.ts';
import { SharedTrust } from './trust.ts';

export interface SimulationOptions {
  readonly fleet: FleetFile;
  readonly devices: number;
  readonly profile: Profile;
  /** The same again gives the same characters. */
  readonly seed: string;
  readonly signal: AbortSignal;
  /** A device was told to ask for its desired state; `index` counts from 0. */
  readonly onTold?: (index: number) => void;
  /** A device was asked to show which one it is, for so many seconds. */
  readonly onIdentify?: (index: number, seconds: number) => void;
  /** How long an answer took, from the request to its head. */
  readonly onAnswered?: (milliseconds: number) => void;
  /** A device ended with an error that was not foreseen. */
  readonly onFault?: (index: number, error: unknown) => void;
}

export interface Simulation {
  /** Devices in each state. */
  counts(): Record<DeviceState, number>;
  /** Devices by what they run, e.g. `hello@1.0.0`. */
  versions(): Map<string, number>;
  /** Devices that run it, `hello@1.0.0` or `system@1.1.0`. */
  running(release: string): number;
  /** Resolves when the signal was given and every device is off. */
  readonly ended: Promise<void>;
}

/** Many devices in one process; they begin to connect as fast as the profile says. */
export function startSimulation(options: SimulationOptions): Simulation {
  const { fleet, profile, seed, signal } = options;
  const trust = new SharedTrust();
  const states: DeviceState[] = new Array(options.devices).fill('off');
  const devices = states.map((_, index) => {
    const serial = `SIM-${seed}-${index}`;
    const character = characterOf(profile, seed, index);
    return new SimulatedDevice({
      ...{ serial, fleet, profile, character, trust, signal },
      onState: (state) => {
        states[index] = state;
      },
      onTold: () => options.onTold?.(index),
      onIdentify: (seconds) => options.onIdentify?.(index, seconds),
      onAnswered: options.onAnswered,
    });
  });

  async function live(): Promise<void> {
    const began = performance.now();
    const lives: Promise<void>[] = [];
    for (const [index, device] of devices.entries()) {
      const dueMs = (index / profile.connectPerSecond) * 1000 - (performance.now() - began);
      if (dueMs > 0) await delay(dueMs, signal);
      if (signal.aborted) break;
      lives.push(device.run().catch((error) => options.onFault?.(index, error)));
    }
    await Promise.all(lives);
    await trust.close();
  }

  const versions = (): Map<string, number> => {
    const found = new Map<string, number>();
    for (const device of devices)
      for (const [name, version] of Object.entries(device.versions())) {
        const release = `${name}@${version}`;
        found.set(release, (found.get(release) ?? 0) + 1);
      }
    return found;
  };
  return {
    counts() {
      const counts: Record<DeviceState, number> = { off: 0, enrolling: 0, offline: 0, online: 0 };
      for (const state of states) counts[state]++;
      return counts;
    },
    versions,
    running: (release) => versions().get(release) ?? 0,
    ended: live(),
  };
}
