import { changeDeployment } from '../audit/rollout-audit.ts';
import { SERVER_LIMITS } from '../limits.ts';
import type { Assignment, DeploymentPatch, DeploymentRecord } from '../store/rollouts.ts';
import type { Store } from '../store/store.ts';
import { type FleetView, readView, type Written, writeChanges } from './change-set.ts';
import { isTakenBack } from './plan.ts';
import { advance, isReleased } from './plan-rollout.ts';
import { waveCount } from './plan-waves.ts';
import { opensAt } from './plan-window.ts';

export interface Step {
  readonly written: Written | null;
  /** When to look again; null: not by itself. */
  readonly wakeAt: number | null;
  /** There is more to do at once. */
  readonly more: boolean;
}

/** One decision of the engine about a deployment, written; belongs into a transaction. */
export async function takeStep(store: Store, id: string, now: number): Promise<Step> {
  const nothing = { written: null, wakeAt: null, more: false };
  const next = await readStep(store, id, now);
  if (next === null) return nothing;
  const { record, view, concerned } = next;
  const { patch, changes, wakeAt, more } = next.decision;
  if (patch !== null) await changeDeployment(store, record, patch, now);
  if (concerned.size === 0) return { ...nothing, wakeAt };
  const fresh = { ...view, deployments: view.deployments.map((one) => (one.id === id ? { ...one, ...patch } : one)) };
  const devices = await store.getForRollout([...concerned], view.asksReports);
  return { written: await writeChanges(store, fresh, devices, changes, now), wakeAt, more };
}

/** Whether a step would write anything, as far as can be seen without a transaction; if not, when to look again. */
export async function lookAhead(
  store: Store,
  id: string,
  now: number,
): Promise<Pick<Step, 'wakeAt'> & { isQuiet: boolean }> {
  const next = await readStep(store, id, now);
  if (next === null) return { isQuiet: true, wakeAt: null };
  const { decision, concerned } = next;
  return { isQuiet: decision.patch === null && concerned.size === 0 && !decision.more, wakeAt: decision.wakeAt };
}

/** What the engine decides by what is there now, and the devices that it concerns; null where nothing is left to decide. */
async function readStep(store: Store, id: string, now: number) {
  const record = await store.rollouts.getDeployment(id);
  if (record === null || isTakenBack(record)) return null;
  const rows = await store.rollouts.listAssignments({ deployment: id });
  const view = await readView(store);
  const decision = await decide(store, view, record, rows, now);
  const concerned = new Set(decision.changes.map(({ device }) => device));
  // Those that failed want nothing of a release any more that is taken back.
  const { state } = decision;
  const takenBack = state === 'turning-back' || state === 'turned-back';
  if (takenBack && state !== record.state) for (const row of rows) if (isReleased(row)) concerned.add(row.device);
  return { record, view, decision, concerned };
}

export interface Decision extends Omit<Step, 'written'> {
  /** What of the deployment itself is another; null for nothing. */
  readonly patch: DeploymentPatch | null;
  readonly state: DeploymentRecord['state'];
  readonly changes: readonly Assignment[];
}

/** What the engine makes of a deployment and its rows; writes nothing. */
export async function decide(
  store: Store,
  view: FleetView,
  record: DeploymentRecord,
  rows: readonly Assignment[],
  now: number,
): Promise<Decision> {
  const opening = await openings(store, view, record, rows, now);
  const result = advance(record, rows, record.rollout, waveCount(record.rollout), opening, now);
  const { state } = result.rollout;
  const patch = differences(record, { ...result.rollout, endedAt: endOf(record, state, now) });
  const all = [...result.changed.values()];
  // Releases may be cut into steps: what is left over is decided again. A rollout that stops does so as a whole.
  const changes = state === 'running' ? all.slice(0, SERVER_LIMITS.devicesPerStep) : all;
  const more = changes.length < all.length || state === 'turning-back';
  return { patch, state, changes, wakeAt: result.wakeAt, more };
}

/** When the maintenance windows let a row's device begin. */
async function openings(
  store: Store,
  { membership }: FleetView,
  { rollout }: DeploymentRecord,
  rows: readonly Assignment[],
  now: number,
): Promise<(row: Assignment) => number> {
  if (rollout.forced) return () => now;
  const candidates = rows.filter(({ state }) => state === 'planned' || state === 'penalty');
  const groups = await store.rollouts.listGroups();
  if (rollout.window === null && groups.every(({ window }) => window === null)) return () => now;
  const devices = new Map(
    (await store.getForRollout(candidates.map(({ device }) => device))).map((one) => [one.id, one]),
  );
  return ({ device: id }) => {
    const device = devices.get(id);
    if (device === undefined) return now;
    const windows = membership.windowsOf(device);
    if (rollout.window !== null) windows.push(rollout.window);
    return opensAt(windows, device.report?.inventory?.timeZone ?? 'UTC', now);
  };
}

function endOf(record: DeploymentRecord, state: DeploymentRecord['state'], now: number): number | null {
  if (state === record.state) return record.endedAt;
  return ['done', 'failed', 'turned-back', 'halted'].includes(state) ? now : null;
}

function differences(record: DeploymentRecord, next: DeploymentPatch): DeploymentPatch | null {
  const { state, reason, wave, approvedWave, endedAt } = next;
  const patch: DeploymentPatch = { state, reason, wave, approvedWave, endedAt };
  return (Object.keys(patch) as (keyof DeploymentPatch)[]).some((key) => patch[key] !== record[key]) ? patch : null;
}
