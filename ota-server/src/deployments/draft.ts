import { randomBytes } from 'node:crypto';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { DeploymentPlan, DeploymentRequest } from '@nodeos/contracts/operator-api.ts';
import { PLAIN_ROLLOUT } from '@nodeos/contracts/rollout.ts';
import { recordState } from '../audit/rollout-audit.ts';
import { parseQuery } from '../groups/query.ts';
import type { ReleaseRecord } from '../store/releases.ts';
import type { Assignment, DeploymentRecord } from '../store/rollouts.ts';
import type { RolloutDevice, Store } from '../store/store.ts';
import { type FleetView, readView, type Written, writeChanges } from './change-set.ts';
import { pinOf, type ReleaseRules, reaches, rulesOf, skipReason, unfitReason } from './plan.ts';
import { previewDeployment } from './plan-preview.ts';
import { assignWaves } from './plan-waves.ts';
import { decide } from './step.ts';

/** A deployment before the store gave it its place among the others, and what its release asks of a device. */
export type Draft = Omit<DeploymentRecord, 'sequence'> & ReleaseRules;
type IsOnline = (device: string) => boolean;

/**
 * What was asked for as a record, checked against what there is.
 * @throws NodeosError RELEASE_UNKNOWN, NOT_FOUND, ENROLMENT_PENDING, CONFLICT, RELEASE_INCOMPATIBLE, QUERY_INVALID,
 *   DOWNGRADE_REFUSED, DEVICE_PINNED
 */
export async function draftDeployment(store: Store, request: DeploymentRequest, now: number): Promise<Draft> {
  const release = await store.releases.get(request.target);
  if (release === null || !release.listed)
    throw new NodeosError('RELEASE_UNKNOWN', `${request.target} is not published`);
  const rollout = { ...PLAIN_ROLLOUT, ...request.rollout };
  const { to } = request;
  if ('query' in to) parseQuery(to.query);
  if ('group' in to && (await store.rollouts.getGroup(to.group)) === null)
    throw new NodeosError('NOT_FOUND', `there is no group ${to.group}`);
  const draft: Draft = {
    id: `d${randomBytes(6).toString('hex')}`,
    ...{ target: release.target, kind: release.kind, name: release.name, version: release.version, to, rollout },
    state: rollout.approval === 'none' ? 'running' : 'awaiting-approval',
    ...{ reason: null, wave: 0, approvedWave: -1, createdAt: now, endedAt: null },
    ...rulesOf(release.custom),
  };
  if ('device' in to) await checkDevice(store, to.device, release, draft);
  return draft;
}

/**
 * Adds the deployment with a row for each device that it reaches, and lets those begin that nobody waits for: what is
 * written once, and not first as planned, is sooner with the devices.
 */
export async function addDeployment(store: Store, draft: Draft, isOnline: IsOnline, now: number): Promise<Written> {
  const { minimumSystem: _system, channel: _channel, ...fields } = draft;
  const record = await store.rollouts.addDeployment(fields);
  await recordState(store, record, now);
  const view = await readView(store);
  const reached = await reachedBy(store, view, draft);
  const online = reached.map(({ id }) => ({ id, online: isOnline(id) }));
  const waves = assignWaves(draft.id, online, draft.rollout);
  const rows = reached.map((device) => plannedRow(draft, device, waves.get(device.id) ?? 0, now));
  const { patch, changes } = await decide(store, view, record, rows, now);
  // Where more is to be decided than who begins, the step that follows does it.
  const begin = new Map(patch === null ? changes.map((row) => [row.device, row]) : []);
  await store.rollouts.addAssignments(rows.filter(({ device }) => !begin.has(device)));
  const devices = reached.filter(({ id }) => begin.has(id));
  return writeChanges(store, view, devices, [...begin.values()], now);
}

/** Says which devices would get the release when. */
export async function previewDraft(
  store: Store,
  draft: Draft,
  isOnline: IsOnline,
  now: number,
): Promise<DeploymentPlan> {
  const view = await readView(store);
  // Their names stand in them.
  const devices = await reachedBy(store, view, draft, true);
  return previewDeployment(draft, devices, view.membership, isOnline, now);
}

async function checkDevice(store: Store, id: string, release: ReleaseRecord, draft: Draft): Promise<void> {
  const [device] = await store.getForRollout([id], false);
  if (device === undefined) throw new NodeosError('NOT_FOUND', `there is no device ${id}`);
  if (device.state === 'pending') throw new NodeosError('ENROLMENT_PENDING', `device ${id} is not approved yet`);
  if (device.state === 'revoked')
    throw new NodeosError('CONFLICT', `device ${id} is revoked`, {
      hint: 'A revoked device gets nothing any more. Flash it anew: it comes back with another identity.',
    });
  if (release.kind === 'system' && release.name !== device.board)
    throw new NodeosError(
      'RELEASE_INCOMPATIBLE',
      `${release.target} is for board ${release.name}, device ${id} is a ${device.board}`,
    );
  const reason = skipReason(draft, device, undefined);
  if (reason === null) return;
  const pinned = pinOf(draft, device) !== undefined;
  const unfit = unfitReason(draft, device) !== null;
  const code = pinned ? 'DEVICE_PINNED' : unfit ? 'RELEASE_INCOMPATIBLE' : 'DOWNGRADE_REFUSED';
  throw new NodeosError(code, `${release.target} does not go to ${id}: ${reason}`);
}

async function reachedBy(
  store: Store,
  view: FleetView,
  draft: Draft,
  reports = view.asksReports,
): Promise<RolloutDevice[]> {
  const { membership } = view;
  const devices = await store.listForRollout(reports);
  return devices.filter((device) => reaches(draft, device, (to) => membership.belongs(to, device)));
}

function plannedRow(draft: Draft, device: RolloutDevice, wave: number, now: number): Assignment {
  const reason = skipReason(draft, device, undefined);
  return {
    ...{ deployment: draft.id, device: device.id, state: reason === null ? 'planned' : 'skipped', reason, wave },
    ...{ percent: null, generation: 0, attempts: 0, notBefore: null, since: now, releasedAt: null },
    previous: null,
  };
}
