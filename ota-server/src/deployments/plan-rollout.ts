import type { Deployment } from '@nodeos/contracts/operator-api.ts';
import type { RolloutPolicy } from '@nodeos/contracts/rollout.ts';
import { silenceMs } from './held.ts';

/** One device in a rollout, as the engine sees it. */
export interface RolloutDevice {
  readonly device: string;
  readonly state: Deployment['devices'][number]['state'];
  readonly wave: number;
  /** Attempts begun. */
  readonly attempts: number;
  readonly reason: string | null;
  readonly notBefore: number | null;
  /** When it came into its state, or last said that an app holds the update back. */
  readonly since: number;
  /** When the last attempt was allowed to begin. */
  readonly releasedAt: number | null;
}

export interface RolloutState {
  readonly state: Deployment['state'];
  readonly reason: string | null;
  /** Index of the wave that runs. */
  readonly wave: number;
  /** Highest wave that was approved; -1 for none. */
  readonly approvedWave: number;
}

export interface Advance<Device extends RolloutDevice> {
  readonly rollout: RolloutState;
  /** Those that changed, as they are now. */
  readonly changed: ReadonlyMap<string, Device>;
  /** When there is something to decide even if nothing happens until then; null: never. */
  readonly wakeAt: number | null;
}

type State = RolloutDevice['state'];
const inStates = (...states: State[]): ((device: RolloutDevice) => boolean) => {
  const set = new Set<State>(states);
  return ({ state }) => set.has(state);
};
/** Nothing more will become of it. */
export const hasEnded = inStates('confirmed', 'failed', 'superseded', 'skipped', 'returned');
/** Its desired state names the release. */
export const isReleased = inStates('waiting', 'told', 'working', 'soaking', 'penalty', 'confirmed', 'failed');
const isTold = inStates('told', 'working');
const isUnderWay = inStates('waiting', 'told', 'working', 'soaking');
const counts = (device: RolloutDevice): boolean => device.state !== 'skipped' && device.state !== 'superseded';
const MINUTE_MS = 60_000;

/**
 * Decides all that can be decided now. Pure: what it gives follows from what it is given, and given its own result at
 * the same time it decides nothing more, so it does no harm to ask it again after a crash.
 * @param opensAt when the device may be updated by its windows; not later than `now` while they are open
 */
export function advance<Device extends RolloutDevice>(
  before: RolloutState,
  devices: readonly Device[],
  policy: RolloutPolicy,
  waves: number,
  opensAt: (device: Device) => number,
  now: number,
): Advance<Device> {
  const current = new Map(devices.map((device) => [device.device, device]));
  const changed = new Map<string, Device>();
  let rollout = before;
  let wakeAt: number | null = null;
  const wake = (at: number): void => {
    wakeAt = wakeAt === null ? at : Math.min(wakeAt, at);
  };
  const change = (device: Device, to: Partial<RolloutDevice>): void => {
    const next = { ...device, since: now, notBefore: null, ...to };
    current.set(device.device, next);
    changed.set(device.device, next);
  };

  settle();
  const failure = rollout.state === 'halted' || !isLive(rollout.state) ? null : judgeFailures();
  if (failure !== null) stop(failure);
  if (rollout.state === 'turning-back' && ![...current.values()].some(({ state }) => state === 'returning'))
    rollout = { ...rollout, state: 'turned-back' };
  if (rollout.state === 'done' || rollout.state === 'failed') {
    if ([...current.values()].some((device) => !hasEnded(device))) rollout = { ...rollout, state: 'running' };
  }
  if (rollout.state === 'awaiting-approval' && rollout.approvedWave >= rollout.wave)
    rollout = { ...rollout, state: 'running' };
  if (rollout.state === 'running') {
    nextWaves();
    if (rollout.state === 'running') release();
    if (rollout.state === 'running') finish();
  }
  return { rollout, changed, wakeAt };

  /** What time alone does to a device. */
  function settle(): void {
    const patienceMs = policy.patienceSeconds === null ? null : policy.patienceSeconds * 1000;
    for (const device of [...current.values()]) {
      if (device.state === 'soaking') {
        const held = device.since + policy.soakSeconds * 1000;
        if (held <= now) change(device, { state: 'confirmed' });
        else wake(held);
      } else if (isTold(device) && patienceMs !== null) {
        const silentMs = silenceMs(device, patienceMs);
        const limit = device.since + silentMs;
        if (limit > now) wake(limit);
        else
          change(device, {
            state: 'failed',
            reason: `FETCH_STALLED: nothing was heard of the update for ${silentMs / 1000} s`,
          });
      } else if (device.state === 'waiting' && patienceMs !== null) {
        if (!isLate(device)) wake(device.since + patienceMs);
      }
    }
    if (!isLive(rollout.state)) return;
    // The rate is counted by the last release of each device: one must not begin twice in a minute.
    const penaltyMs = Math.max(policy.penaltySeconds * 1000, policy.perMinute === null ? 0 : MINUTE_MS);
    for (const device of [...current.values()])
      if (device.state === 'failed' && device.attempts > 0 && device.attempts <= policy.retries)
        change(device, { state: 'penalty', reason: device.reason, notBefore: now + penaltyMs });
  }

  /** It was never reached: it gets the release when it comes, but nobody waits for it. */
  function isLate(device: Device): boolean {
    return (
      policy.patienceSeconds !== null &&
      device.state === 'waiting' &&
      device.since + policy.patienceSeconds * 1000 <= now
    );
  }

  function judgeFailures(): string | null {
    const limit = policy.maxFailurePercent;
    if (limit === null) return null;
    for (let wave = 0; wave <= rollout.wave; wave++) {
      const members = [...current.values()].filter((device) => device.wave === wave && counts(device));
      const failed = members.filter(({ state }) => state === 'failed').length;
      const ended = members.filter(hasEnded).length;
      const judged = ended >= policy.failureSample ? ended : members.length;
      if (failed * 100 > limit * judged)
        return `${failed} of ${judged} devices of wave ${wave + 1} failed, more than ${limit} %`;
    }
    return null;
  }

  function stop(reason: string): void {
    if (policy.onFailure === 'halt') {
      rollout = { ...rollout, state: 'halted', reason };
      for (const device of [...current.values()])
        if (['waiting', 'told', 'penalty'].includes(device.state)) change(device, withdrawn(device));
      return;
    }
    rollout = { ...rollout, state: 'turning-back', reason };
    for (const device of [...current.values()]) {
      const next = turnedBack(device);
      if (next !== null) change(device, next);
    }
  }

  /** A wave has ended when each of its devices has, or cannot be reached; one of them must have succeeded. */
  function waveHasEnded(wave: number): boolean {
    const members = [...current.values()].filter((device) => device.wave === wave);
    if (!members.every((device) => hasEnded(device) || isLate(device))) return false;
    const mustProve = policy.maxFailurePercent !== null && members.some(counts);
    return !mustProve || members.some(({ state }) => state === 'confirmed');
  }

  function nextWaves(): void {
    while (rollout.wave < waves - 1 && waveHasEnded(rollout.wave)) {
      const wave = rollout.wave + 1;
      const asks = policy.approval === 'waves' && rollout.approvedWave < wave && !isEmpty(wave);
      rollout = { ...rollout, wave, state: asks ? 'awaiting-approval' : 'running' };
      if (asks) return;
    }
  }

  function isEmpty(wave: number): boolean {
    return ![...current.values()].some((device) => device.wave === wave && !hasEnded(device));
  }

  function release(): void {
    const all = [...current.values()];
    const recent = all
      .flatMap(({ releasedAt }) => (releasedAt !== null && releasedAt > now - MINUTE_MS ? [releasedAt] : []))
      .sort((a, b) => a - b);
    const underWay = all.filter((device) => isUnderWay(device) && !isLate(device)).length;
    let room = (policy.maxConcurrent ?? Number.POSITIVE_INFINITY) - underWay;
    let rate = (policy.perMinute ?? Number.POSITIVE_INFINITY) - recent.length;
    const candidates = all
      .filter((device) => device.wave <= rollout.wave && (device.state === 'planned' || device.state === 'penalty'))
      .sort((a, b) => a.wave - b.wave);
    for (const device of candidates) {
      if (device.state === 'penalty' && (device.notBefore ?? 0) > now) {
        wake(device.notBefore ?? now);
        continue;
      }
      const open = policy.forced ? now : opensAt(device);
      if (open > now) {
        wake(open);
        if (device.notBefore !== open) change(device, { since: device.since, notBefore: open });
      } else if (room <= 0) break;
      else if (rate <= 0) {
        if (recent[0] !== undefined) wake(recent[0] + MINUTE_MS);
        break;
      } else {
        room--;
        rate--;
        if (policy.perMinute !== null) recent.push(now);
        change(device, { state: 'waiting', attempts: device.attempts + 1, releasedAt: now, reason: null });
      }
    }
    if (policy.patienceSeconds !== null && changed.size > 0) wake(now + policy.patienceSeconds * 1000);
  }

  function finish(): void {
    if (rollout.wave < waves - 1 || current.size === 0) return;
    const all = [...current.values()];
    if (!all.every(hasEnded)) return;
    rollout = { ...rollout, state: all.some(({ state }) => state === 'failed') ? 'failed' : 'done' };
  }
}

/** Devices may still begin or be given another attempt. */
export function isLive(state: RolloutState['state']): boolean {
  return ['running', 'paused', 'awaiting-approval', 'done', 'failed'].includes(state);
}

/** The device has not begun as far as is known: it waits again. */
export function withdrawn(device: RolloutDevice): Partial<RolloutDevice> {
  return { state: 'planned', attempts: Math.max(0, device.attempts - 1), reason: device.reason };
}

/** What becomes of a device when its release is taken back; null where nothing does. */
export function turnedBack(device: RolloutDevice): Partial<RolloutDevice> | null {
  switch (device.state) {
    case 'told':
    case 'working':
    case 'soaking':
    case 'confirmed':
      return { state: 'returning' };
    case 'planned':
    case 'waiting':
      return { state: 'superseded', reason: 'the rollout was turned back before the device began' };
    case 'penalty':
      return { state: 'failed' };
    default:
      return null;
  }
}
