import type { DesiredState } from '@nodeos/contracts/desired-state.ts';
import { createMembership, type Membership } from '../groups/membership.ts';
import type { ReleaseRecord } from '../store/releases.ts';
import type { Assignment, DeploymentRecord } from '../store/rollouts.ts';
import type { RolloutDevice, Store } from '../store/store.ts';
import { asksForPast, becomePast, countAgain } from './past.ts';
import {
  beginsAtOnce,
  type Candidate,
  desiredState,
  type KnownStates,
  type ReleaseRules,
  rulesOf,
  runningVersion,
  syncDevice,
} from './plan.ts';
import { isReleased } from './plan-rollout.ts';
import { waveCount } from './plan-waves.ts';

/** What the changes of some devices are judged by; read once for all of them. */
export interface FleetView {
  readonly deployments: readonly (DeploymentRecord & ReleaseRules)[];
  readonly releases: readonly ReleaseRecord[];
  readonly membership: Membership;
  /** Whom a deployment reaches may depend on what devices report. */
  readonly asksReports: boolean;
}

export async function readView(store: Store): Promise<FleetView> {
  const releases = await store.releases.list();
  const rules = new Map(releases.map(({ target, custom }) => [target, rulesOf(custom)]));
  const deployments = await store.rollouts.listDeployments();
  const groups = await store.rollouts.listGroups();
  return {
    deployments: deployments.map((deployment) => ({ ...deployment, ...rules.get(deployment.target) })),
    releases,
    membership: createMembership(groups),
    asksReports: deployments.some(({ to }) => 'query' in to) || groups.some(({ query }) => query !== null),
  };
}

export interface Written {
  /** Devices whose desired state is another now, with its generation. */
  readonly tells: ReadonlyMap<string, number>;
  /** Deployments of which a row changed. */
  readonly deployments: ReadonlySet<string>;
}

/**
 * Writes changed rows of some devices and all that follows from them for these devices: rows of other deployments that
 * give way, and desired states.
 * @param changes rows that replace those of the store
 * @param waveOf see syncDevice
 */
export async function writeChanges(
  store: Store,
  view: FleetView,
  devices: readonly RolloutDevice[],
  changes: readonly Assignment[],
  now: number,
  waveOf?: (deployment: { readonly id: string }, device: string) => number | undefined,
): Promise<Written> {
  const belongs = (to: DeploymentRecord['to'], device: Candidate): boolean =>
    view.membership.belongs(to, device as RolloutDevice);
  const changed = Map.groupBy(changes, ({ device }) => device);
  const byId = new Map(view.deployments.map((deployment) => [deployment.id, deployment]));
  const deploymentOf = (id: string) => byId.get(id);
  const added: Assignment[] = [];
  const replaced: Assignment[] = [];
  const desired = new Map<string, DesiredState>();
  const states: KnownStates = new Map();

  const outcomes = new Map<string, Outcome>();
  const unsure: RolloutDevice[] = [];
  const read = await rowsOf(store, devices, false);
  for (const device of devices) {
    const outcome = settle(device, read.get(device.id) ?? []);
    outcomes.set(device.id, outcome);
    const { before, rows } = outcome;
    if (asksForPast(device, view.deployments, before, rows, belongs, deploymentOf)) unsure.push(device);
  }
  const past = await rowsOf(store, unsure, true);
  for (const device of unsure)
    outcomes.set(device.id, settle(device, [...(past.get(device.id) ?? []), ...(read.get(device.id) ?? [])]));

  for (const device of devices) {
    const { before, rows, next } = outcomes.get(device.id) as Outcome;
    if (next !== device.desired) desired.set(device.id, next);
    const confirms = [...rows.values()].some(
      ({ deployment, state }) => state === 'confirmed' && before.get(deployment)?.state !== 'confirmed',
    );
    for (const row of countAgain(device, view.deployments, before, rows, belongs, deploymentOf))
      rows.set(row.deployment, row);
    const current = [...rows.values()].filter((row) => row.past !== true);
    if (confirms) for (const row of becomePast(current, deploymentOf, next)) rows.set(row.deployment, row);
    for (const row of rows.values()) {
      const old = before.get(row.deployment);
      if (row === old) continue;
      const moved = old?.state !== row.state && (row.state === 'waiting' || row.state === 'returning');
      const kept = old === undefined ? added : replaced;
      kept.push(moved ? { ...row, generation: next.generation } : row);
    }
  }
  await store.rollouts.addAssignments(added);
  await store.rollouts.putAssignments(replaced);
  await store.rollouts.setDesired(desired);
  return {
    tells: new Map([...desired].map(([id, { generation }]) => [id, generation])),
    deployments: new Set([...added, ...replaced].map(({ deployment }) => deployment)),
  };

  function settle(device: RolloutDevice, stored: readonly Assignment[]): Outcome {
    const before = new Map(stored.map((row) => [row.deployment, row]));
    const rows = new Map(before);
    for (const row of changed.get(device.id) ?? [])
      rows.set(row.deployment, complete(row, before.get(row.deployment), device));
    for (let pass = 0; pass < 3; pass++) {
      const synced = syncDevice(device, view.deployments, [...rows.values()], belongs, now, (deployment) => {
        return waveOf?.(deployment, device.id) ?? waveCount(deployment.rollout) - 1;
      });
      if (synced.length === 0) break;
      for (const row of synced) rows.set(row.deployment, begun(row, device));
    }
    const next = desiredState(device, device.desired, view.deployments, [...rows.values()], belongs, states);
    return { before, rows, next };
  }

  /** A row that nothing but the device is waited for begins at once. */
  function begun(row: Assignment, device: RolloutDevice): Assignment {
    const deployment = byId.get(row.deployment);
    if (row.state !== 'planned' || deployment === undefined || !beginsAtOnce(deployment, row)) return row;
    if (!deployment.rollout.forced && view.membership.windowsOf(device).length > 0) return row;
    return complete({ ...row, state: 'waiting', attempts: row.attempts + 1, releasedAt: now }, row, device);
  }

  /** What a device ran is noted when it may begin for the first time: that is what it goes back to. */
  function complete(row: Assignment, before: Assignment | undefined, device: RolloutDevice): Assignment {
    const deployment = byId.get(row.deployment);
    if (deployment === undefined) return row;
    if (row.state === 'waiting' && (before === undefined || !isReleased(before)) && row.attempts <= 1)
      return { ...row, previous: previousOf(deployment, device, view.releases) };
    if (row.state === 'returning' && row.previous?.version === deployment.version)
      return { ...row, state: 'superseded', reason: 'the device ran this version before' };
    if (row.state === 'returning' && row.previous?.target === null)
      return {
        ...row,
        state: 'failed',
        reason: `RELEASE_UNKNOWN: ${row.previous.version}, which the device ran before, is not published: it cannot go back`,
      };
    return row;
  }
}

/** What the engine makes of the rows of one device. */
interface Outcome {
  readonly before: ReadonlyMap<string, Assignment>;
  readonly rows: Map<string, Assignment>;
  readonly next: DesiredState;
}

async function rowsOf(
  { rollouts }: Store,
  devices: readonly RolloutDevice[],
  past: boolean,
): Promise<Map<string, Assignment[]>> {
  if (devices.length === 0) return new Map();
  const rows = await rollouts.listAssignments({ devices: devices.map(({ id }) => id), past });
  return Map.groupBy(rows, ({ device }) => device);
}

/** The published release that the device runs in the deployment's lane. */
function previousOf(
  deployment: DeploymentRecord,
  device: RolloutDevice,
  releases: readonly ReleaseRecord[],
): Assignment['previous'] {
  const version = runningVersion(device, deployment);
  if (version === null) return null;
  const file = deployment.target.split('/').at(-1);
  const found = releases.filter(
    (release) =>
      release.listed &&
      release.kind === deployment.kind &&
      release.name === deployment.name &&
      release.version === version,
  );
  const best = found.find(({ target }) => target.endsWith(`/${file}`)) ?? found[0];
  return { version, target: best?.target ?? null };
}
