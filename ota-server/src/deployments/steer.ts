import { NodeosError } from '@nodeos/contracts/errors.ts';
import { changeDeployment } from '../audit/rollout-audit.ts';
import type { Assignment, DeploymentPatch, DeploymentRecord } from '../store/rollouts.ts';
import type { Store } from '../store/store.ts';
import { readView, type Written, writeChanges } from './change-set.ts';
import { turnedBack } from './plan-rollout.ts';
import { mustGet } from './read.ts';

/** Changes a deployment and its rows, and what its devices want; belongs into a transaction. */
async function changeRows(
  store: Store,
  id: string,
  patch: DeploymentPatch,
  change: (row: Assignment) => Assignment,
  now: number,
): Promise<Written> {
  await changeDeployment(store, await mustGet(store, id), patch, now);
  const rows = await store.rollouts.listAssignments({ deployment: id });
  const devices = await store.getForRollout(rows.map(({ device }) => device));
  const changed = rows.map(change).filter((row, index) => row !== rows[index]);
  return writeChanges(store, await readView(store), devices, changed, now);
}

/** Takes the deployment back; with `turnBack` its devices go back to what they ran. */
export function takeBack(store: Store, id: string, turnBack: boolean, now: number): Promise<Written> {
  const reason = turnBack ? 'turned back by an operator' : null;
  const patch: DeploymentPatch = { state: turnBack ? 'turning-back' : 'aborted', reason, endedAt: now };
  const change = (row: Assignment): Assignment => {
    const next = turnBack ? turnedBack(row) : null;
    return next === null ? row : { ...row, since: now, notBefore: null, ...next };
  };
  return changeRows(store, id, patch, change, now);
}

/** A rollout that was halted goes on: the devices that failed are tried again. */
export function tryAgain(store: Store, id: string, now: number): Promise<Written> {
  const change = (row: Assignment): Assignment =>
    row.state === 'failed' ? { ...row, state: 'planned', since: now } : row;
  return changeRows(store, id, { state: 'running', reason: null }, change, now);
}

/** @throws NodeosError NOT_FOUND, CONFLICT where the deployment is in none of the states */
export async function changeState(
  store: Store,
  id: string,
  from: readonly DeploymentRecord['state'][],
  patch: DeploymentPatch,
  now: number,
): Promise<void> {
  const record = await mustGet(store, id);
  const { state } = record;
  if (!from.includes(state))
    throw new NodeosError('CONFLICT', `deployment ${id} is ${state}, not ${from.join(' or ')}`);
  await changeDeployment(store, record, patch, now);
}
