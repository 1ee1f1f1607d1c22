import type { UpdateStatus } from '@nodeos/contracts/device-api.ts';
import type { ErrorCode } from '@nodeos/contracts/errors.ts';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';
import type { RolloutDevice } from './plan-rollout.ts';

/** How the reason of an update that apps hold back begins. */
const HELD: `${ErrorCode}: ` = 'UPDATE_HELD: ';
/** A device whose apps hold an update back says so again with each report: one may be lost, and the next come late. */
const SAID_AGAIN_MS = 2 * DEVICE_LIMITS.reportIntervalMs + 60_000;

/** Why the device waits with the update; null where it does not. */
export function heldReason({ state, reason }: UpdateStatus): string | null {
  return state === 'installing' && reason?.startsWith(HELD) ? reason : null;
}

export function isHeld({ state, reason }: Partial<Pick<RolloutDevice, 'state' | 'reason'>>): boolean {
  return state === 'working' && reason?.startsWith(HELD) === true;
}

/** For how long nothing need be heard of the device before it counts as failed. */
export function silenceMs(device: RolloutDevice, patienceMs: number): number {
  return isHeld(device) ? Math.max(patienceMs, SAID_AGAIN_MS) : patienceMs;
}
