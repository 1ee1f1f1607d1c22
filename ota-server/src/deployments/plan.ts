import { isDeepStrictEqual } from 'node:util';
import type { DesiredState } from '@nodeos/contracts/desired-state.ts';
import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import type { Assignment, DeploymentRecord, DeviceRecord } from '../store/store.ts';

/** What the engine must know of a device. */
export type Candidate = Pick<DeviceRecord, 'id' | 'board' | 'tags' | 'state'>;
export type EngineDeployment = Pick<
  DeploymentRecord,
  'id' | 'sequence' | 'kind' | 'name' | 'version' | 'target' | 'to' | 'state'
>;

/** Before anything was deployed. */
export const NOTHING_DESIRED: DesiredState = Object.freeze({
  format: 1,
  generation: 0,
  system: null,
  apps: {},
  removeApps: [],
});

/** A deployment reaches active devices, by id or by tag; a system release only those of its board. */
export function reaches(deployment: EngineDeployment, device: Candidate): boolean {
  if (device.state !== 'active') return false;
  if (deployment.kind === 'system' && deployment.name !== device.board) return false;
  return 'device' in deployment.to ? deployment.to.device === device.id : device.tags.includes(deployment.to.tag);
}

/** Of the deployments that reach the device and are not aborted, the newest of each app and of the system. */
export function winners(device: Candidate, deployments: readonly EngineDeployment[]): EngineDeployment[] {
  const newest = new Map<string, EngineDeployment>();
  for (const deployment of deployments) {
    if (deployment.state === 'aborted' || !reaches(deployment, device)) continue;
    const lane = deployment.kind === 'system' ? 'system' : `app ${deployment.name}`;
    if (deployment.sequence > (newest.get(lane)?.sequence ?? -1)) newest.set(lane, deployment);
  }
  return [...newest.values()];
}

/** The desired state that follows; the previous one itself where nothing changed, else with the next generation. */
export function desiredState(
  device: Candidate,
  previous: DesiredState,
  deployments: readonly EngineDeployment[],
): DesiredState {
  let system: DesiredState['system'] = null;
  const apps: DesiredState['apps'] = {};
  const sorted = winners(device, deployments).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { kind, name, version, target, id } of sorted) {
    const wanted = { version, target, deployment: id };
    if (kind === 'system') system = wanted;
    else apps[name] = wanted;
  }
  const content = { format: 1 as const, system, apps, removeApps: [] };
  const { generation, ...before } = previous;
  return isDeepStrictEqual(content, before) ? previous : { ...content, generation: generation + 1 };
}

/**
 * Assignments that must be written after the desired state became `generation`: new winners wait, those that won
 * before and have not ended are superseded.
 */
export function changedAssignments(
  device: Candidate,
  deployments: readonly EngineDeployment[],
  present: readonly Assignment[],
  generation: number,
): Assignment[] {
  const winning = winners(device, deployments);
  const changed: Assignment[] = [];
  for (const { id } of winning) {
    const known = present.find((assignment) => assignment.deployment === id);
    if (known === undefined || known.state === 'superseded')
      changed.push({ deployment: id, device: device.id, state: 'waiting', percent: null, reason: null, generation });
  }
  for (const assignment of present) {
    if (!isOpen(assignment) || winning.some(({ id }) => id === assignment.deployment)) continue;
    changed.push({
      ...assignment,
      state: 'superseded',
      percent: null,
      reason: supersededReason(assignment, device, deployments, winning),
    });
  }
  return changed;
}

function supersededReason(
  assignment: Assignment,
  device: Candidate,
  deployments: readonly EngineDeployment[],
  winning: readonly EngineDeployment[],
): string {
  const own = deployments.find(({ id }) => id === assignment.deployment);
  if (device.state !== 'active') return `the device is ${device.state}`;
  if (own?.state === 'aborted') return 'the deployment was aborted';
  const newer = winning.find(({ kind, name }) => kind === own?.kind && name === own.name);
  return newer === undefined ? 'the device no longer has the tag' : `replaced by ${newer.version}`;
}

export function isOpen(assignment: Pick<Assignment, 'state'>): boolean {
  return assignment.state === 'waiting' || assignment.state === 'told' || assignment.state === 'working';
}

/** The assignment after a report of the device; the same object where the report says nothing new. */
export function afterReport(assignment: Assignment, deployment: EngineDeployment, report: DeviceReport): Assignment {
  if (assignment.state === 'superseded') return assignment;
  const status = report.updates.findLast((update) => update.deployment === assignment.deployment);
  if (status !== undefined) {
    const next: Assignment = {
      ...assignment,
      state: status.state === 'confirmed' || status.state === 'failed' ? status.state : 'working',
      percent: status.state === 'confirmed' || status.state === 'failed' ? null : status.percent,
      reason: status.state === 'failed' ? (status.reason ?? 'the device gave no reason') : null,
    };
    return isDeepStrictEqual(next, assignment) ? assignment : next;
  }
  // A device that ran the release already has nothing to do, and so no update to report.
  if (isOpen(assignment) && (report.generation ?? -1) >= assignment.generation && runs(report, deployment))
    return { ...assignment, state: 'confirmed', percent: null, reason: null };
  return assignment;
}

function runs(report: DeviceReport, deployment: EngineDeployment): boolean {
  if (deployment.kind === 'system') return report.system.version === deployment.version && !report.system.trial;
  return report.apps[deployment.name]?.version === deployment.version;
}

/** The device has been told of this generation, or has fetched it. */
export function afterTold(assignment: Assignment): Assignment {
  return assignment.state === 'waiting' ? { ...assignment, state: 'told' } : assignment;
}

/** State of a deployment as a whole: open devices keep it running, then one failure makes it failed. */
export function deploymentState(
  deployment: Pick<EngineDeployment, 'state'>,
  assignments: readonly Pick<Assignment, 'state'>[],
): DeploymentRecord['state'] {
  if (deployment.state === 'aborted') return 'aborted';
  if (assignments.length === 0 || assignments.some(isOpen)) return 'running';
  return assignments.some(({ state }) => state === 'failed') ? 'failed' : 'done';
}
