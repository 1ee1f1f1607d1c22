import { readFileSync } from 'node:fs';
import { describeError } from '@nodeos/contracts/errors.ts';
import { loadNative } from '../native/load.ts';
import type { NativeCalls, NetworkCalls } from './ports.ts';

/** The latest of the given moments; what cannot be read counts as the beginning of time. */
export function clockFloor(moments: readonly (number | null)[]): number {
  return Math.max(0, ...moments.map((moment) => (moment !== null && Number.isFinite(moment) ? moment : 0)));
}

/** File with the last trusted time, milliseconds since 1970. */
export function trustedTimeFile(stateDir: string): string {
  return `${stateDir}/trusted-time`;
}

/** Milliseconds since 1970, null where none was kept. */
export function readTrustedTime(stateDir: string): number | null {
  try {
    return Number(readFileSync(trustedTimeFile(stateDir), 'utf8'));
  } catch {
    return null;
  }
}

/**
 * Loads the kernel calls and lifts the clock over the build time and the last trusted time, before anything is dated
 * or verified: boards without a battery start in 1970.
 * @returns null where the addon is missing; the device then works, but cannot set its clock or boot another kernel
 */
export function raiseClock(
  paths: { readonly native: string; readonly slot: string; readonly state: string },
  log: (text: string) => void,
): (NativeCalls & NetworkCalls) | null {
  try {
    const native = loadNative(paths.native);
    const floor = clockFloor([readBuildTime(paths.slot), readTrustedTime(paths.state)]);
    if (Date.now() < floor) native.setClock(floor);
    return native;
  } catch (error) {
    log(describeError(error));
    return null;
  }
}

/** Not checked with the schema: this runs before the schemas are loaded, and the slot is what was booted from. */
function readBuildTime(slotDir: string): number | null {
  try {
    const manifest = JSON.parse(readFileSync(`${slotDir}/manifest.json`, 'utf8')) as { buildTime: number };
    return manifest.buildTime * 1000;
  } catch {
    return null;
  }
}
