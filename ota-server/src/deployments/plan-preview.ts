import type { DeploymentPlan } from '@nodeos/contracts/operator-api.ts';
import { deviceName } from '../devices/summary.ts';
import type { Membership } from '../groups/membership.ts';
import type { DeploymentRecord } from '../store/rollouts.ts';
import type { RolloutDevice } from '../store/store.ts';
import { type ReleaseRules, runningVersion, skipReason } from './plan.ts';
import { assignWaves, waveCount } from './plan-waves.ts';
import { opensAt } from './plan-window.ts';

const MINUTE_MS = 60_000;

/** Which devices would get a release when, as far as that can be told before anything has happened. */
export function previewDeployment(
  draft: Omit<DeploymentRecord, 'sequence'> & ReleaseRules,
  devices: readonly RolloutDevice[],
  membership: Membership,
  isOnline: (id: string) => boolean,
  now: number,
): DeploymentPlan {
  const { rollout } = draft;
  const waves = assignWaves(
    draft.id,
    devices.map(({ id }) => ({ id, online: isOnline(id) })),
    rollout,
  );
  let begun = 0;
  const rows = devices
    .toSorted((a, b) => (waves.get(a.id) ?? 0) - (waves.get(b.id) ?? 0))
    .map((device): DeploymentPlan['devices'][number] => {
      const reason = skipReason(draft, device, undefined);
      const wave = waves.get(device.id) ?? 0;
      const windows = rollout.forced ? [] : membership.windowsOf(device);
      if (rollout.window !== null && !rollout.forced) windows.push(rollout.window);
      let startsAt: number | null = null;
      if (reason === null && wave === 0 && rollout.approval === 'none') {
        const fits = rollout.maxConcurrent === null || begun < rollout.maxConcurrent;
        const later = rollout.perMinute === null ? 0 : Math.floor(begun / rollout.perMinute) * MINUTE_MS;
        begun++;
        if (fits) startsAt = opensAt(windows, device.report?.inventory?.timeZone ?? 'UTC', now + later);
      }
      const runs = runningVersion(device, draft);
      const state = reason === null ? 'planned' : 'skipped';
      return { id: device.id, name: deviceName(device), wave, runs, state, reason, startsAt };
    });
  return {
    target: draft.target,
    waves: Array.from({ length: waveCount(rollout) }, (_, index) => ({
      size: rows.filter(({ wave, state }) => wave === index && state === 'planned').length,
    })),
    devices: rows,
  };
}
