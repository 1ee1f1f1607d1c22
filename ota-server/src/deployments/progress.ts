import { isDeepStrictEqual } from 'node:util';
import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import type { Assignment } from '../store/rollouts.ts';
import { heldReason, isHeld } from './held.ts';
import { attemptName, type EngineDeployment, isOpen } from './plan.ts';

/** The row after a report of the device; the same object where the report says nothing new. */
export function afterReport(
  row: Assignment,
  deployment: EngineDeployment,
  report: DeviceReport,
  now: number,
): Assignment {
  const next = judge(row, deployment, report);
  if (next === null) return row;
  const goesOn = next.state === undefined || next.state === row.state;
  // A device whose apps hold the update back is heard of: it has not stalled.
  const since = goesOn && !isHeld(next) ? row.since : now;
  const changed = { ...row, ...next, since };
  return isDeepStrictEqual(changed, row) ? row : changed;
}

function judge(row: Assignment, deployment: EngineDeployment, report: DeviceReport): Partial<Assignment> | null {
  if (row.state === 'returning') return judgeReturn(row, deployment, report);
  if (row.state === 'soaking') return judgeSoak(deployment, report);
  if (row.state === 'superseded' || row.state === 'skipped' || row.state === 'returned' || row.state === 'penalty')
    return null;
  const name = attemptName(row.deployment, row.attempts);
  const status = report.updates.findLast((update) => update.deployment === name);
  const succeeded = { state: afterSuccess(deployment), percent: null, reason: null };
  if (status !== undefined) {
    if (status.state === 'confirmed' || status.state === 'downloaded')
      return row.state === 'confirmed' ? null : succeeded;
    if (status.state === 'failed')
      return { state: 'failed', percent: null, reason: status.reason ?? 'the device gave no reason' };
    // What a device confirmed once it does not begin again: this is an old report that came late.
    return isOpen(row) ? { state: 'working', percent: status.percent, reason: heldReason(status) } : null;
  }
  // A device that ran the release already has nothing to do, and so no update to report.
  const told = isOpen(row) && row.state !== 'planned' && (report.generation ?? -1) >= row.generation;
  return told && runs(report, deployment) ? succeeded : null;
}

function afterSuccess({ rollout }: EngineDeployment): Assignment['state'] {
  return rollout.soakSeconds > 0 && !rollout.downloadOnly ? 'soaking' : 'confirmed';
}

/** It must go on running what it confirmed. */
function judgeSoak(deployment: EngineDeployment, report: DeviceReport): Partial<Assignment> | null {
  const code = deployment.kind === 'system' ? 'TRIAL_FAILED' : 'APP_START_FAILED';
  const fail = (what: string): Partial<Assignment> => ({
    state: 'failed',
    percent: null,
    reason: `${code}: it did not hold after it was confirmed: ${what}`,
  });
  if (deployment.kind === 'system') {
    const { version, trial } = report.system;
    return version === deployment.version || trial ? null : fail(`the device runs ${version}`);
  }
  const app = report.apps[deployment.name];
  if (app === undefined) return fail('the app is gone');
  if (app.version !== deployment.version) return fail(`the device runs ${app.version}`);
  // Somebody works on it: that says nothing about the release.
  if (report.development?.app === deployment.name) return null;
  return app.state === 'backing-off' || app.state === 'stopped'
    ? fail(`the app is ${app.state}${app.reason === null ? '' : `, ${app.reason}`}`)
    : null;
}

/** It is back when it has heard of it and no longer runs the release. */
function judgeReturn(row: Assignment, deployment: EngineDeployment, report: DeviceReport): Partial<Assignment> | null {
  const name = attemptName(row.deployment, row.attempts);
  const status = report.updates.findLast((update) => update.deployment === name);
  // It was under way when the rollout was turned back, and went back by itself.
  if (status?.state === 'failed') return { state: 'failed', percent: null, reason: status.reason };
  if ((report.generation ?? -1) < row.generation) return null;
  const version = deployment.kind === 'system' ? report.system.version : report.apps[deployment.name]?.version;
  if (version === deployment.version || (deployment.kind === 'system' && report.system.trial)) return null;
  if (row.previous !== null && deployment.kind === 'app' && version === undefined) return null;
  return { state: 'returned', percent: null, reason: version === undefined ? null : `back on ${version}` };
}

function runs(report: DeviceReport, deployment: EngineDeployment): boolean {
  if (deployment.rollout.downloadOnly) return false;
  if (deployment.kind === 'system') return report.system.version === deployment.version && !report.system.trial;
  return report.apps[deployment.name]?.version === deployment.version;
}
