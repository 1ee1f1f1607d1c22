import { isDeepStrictEqual } from 'node:util';
import type { DesiredState, WantedRelease } from '@nodeos/contracts/desired-state.ts';
import type { ReleaseCustom } from '@nodeos/contracts/release.ts';
import semver from 'semver';
import type { Assignment, DeploymentRecord } from '../store/rollouts.ts';
import type { RolloutDevice } from '../store/store.ts';
import { hasEnded, isReleased } from './plan-rollout.ts';
import { waveCount } from './plan-waves.ts';

/** What the engine must know of a device. */
export type Candidate = Pick<RolloutDevice, 'id' | 'board' | 'tags' | 'state' | 'pins' | 'apps' | 'systemVersion'>;
/** What a release asks of a device. */
export type ReleaseRules = Pick<ReleaseCustom, 'minimumSystem' | 'channel'>;
export type EngineDeployment = Omit<DeploymentRecord, 'createdAt' | 'endedAt' | 'reason'> & ReleaseRules;
export const rulesOf = ({ minimumSystem, channel }: ReleaseRules): ReleaseRules => ({ minimumSystem, channel });
/** Whether a device belongs to a destination now. */
export type Belongs = (to: DeploymentRecord['to'], device: Candidate) => boolean;

/** Before anything was deployed. */
export const NOTHING_DESIRED: DesiredState = Object.freeze({
  format: 1,
  generation: 0,
  system: null,
  apps: {},
  removeApps: [],
});

const TAKEN_BACK: ReadonlySet<DeploymentRecord['state']> = new Set(['aborted', 'turned-back']);
const OVER: ReadonlySet<DeploymentRecord['state']> = new Set(['turning-back', ...TAKEN_BACK]);
/** New devices get no release of one that is stopped. */
const STOPPED: ReadonlySet<DeploymentRecord['state']> = new Set(['halted', ...OVER]);

/** It no longer counts for any device; some may still be on their way back. */
export const isOver = ({ state }: Pick<DeploymentRecord, 'state'>): boolean => OVER.has(state);

/** No device gets anything of it any more, and never will again. */
export const isTakenBack = ({ state }: Pick<DeploymentRecord, 'state'>): boolean => TAKEN_BACK.has(state);

export const laneOf = ({ kind, name }: Pick<EngineDeployment, 'kind' | 'name'>): string =>
  kind === 'system' ? 'system' : `app ${name}`;

/** A deployment reaches active devices of its destination; a system release only those of its board. */
export function reaches(
  deployment: Pick<EngineDeployment, 'kind' | 'name' | 'to'>,
  device: Candidate,
  belongs: Belongs,
): boolean {
  if (device.state !== 'active') return false;
  if (deployment.kind === 'system' && deployment.name !== device.board) return false;
  return belongs(deployment.to, device);
}

/**
 * As `reaches`; but a device that has begun stays: the very update may be why a query no longer finds it.
 */
function holds(
  deployment: EngineDeployment,
  device: Candidate,
  row: Assignment | undefined,
  belongs: Belongs,
): boolean {
  if (reaches(deployment, device, belongs)) return true;
  const byQuery = 'query' in deployment.to || 'group' in deployment.to;
  return byQuery && device.state === 'active' && row !== undefined && isReleased(row) && row.state !== 'waiting';
}

/** The newest release of each lane that the device was given and that is not taken back. */
export function winners(
  device: Candidate,
  deployments: readonly EngineDeployment[],
  rows: readonly Assignment[],
  belongs: Belongs,
): { readonly deployment: EngineDeployment; readonly row: Assignment }[] {
  const newest = new Map<string, { deployment: EngineDeployment; row: Assignment }>();
  for (const deployment of deployments) {
    const row = rows.find((one) => one.deployment === deployment.id);
    if (row === undefined || !isReleased(row) || OVER.has(deployment.state)) continue;
    if (!holds(deployment, device, row, belongs)) continue;
    const lane = laneOf(deployment);
    if (deployment.sequence > (newest.get(lane)?.deployment.sequence ?? -1)) newest.set(lane, { deployment, row });
  }
  return [...newest.values()];
}

/** What a device reports an attempt under: a device tries a release again only where the name is another. */
export function attemptName(deployment: string, attempts: number): string {
  return attempts <= 1 ? deployment : `${deployment}.${attempts}`;
}

/** Desired states by the previous one and their content. */
export type KnownStates = Map<DesiredState, Map<string, DesiredState>>;

/**
 * The desired state that follows; the previous one itself where nothing changed, else with the next generation.
 * @param known most devices of a fleet want the same, and what is the same need not be made and compared again
 */
export function desiredState(
  device: Candidate,
  previous: DesiredState,
  deployments: readonly EngineDeployment[],
  rows: readonly Assignment[],
  belongs: Belongs,
  known: KnownStates = new Map(),
): DesiredState {
  const lanes = new Map<string, { wanted: WantedRelease | null; sequence: number; failed: boolean }>();
  for (const { deployment, row } of winners(device, deployments, rows, belongs)) {
    const { version, target, rollout, sequence } = deployment;
    const wanted: WantedRelease = { version, target, deployment: attemptName(deployment.id, row.attempts) };
    if (rollout.downloadOnly) wanted.apply = 'download';
    if (rollout.forced) wanted.force = true;
    lanes.set(laneOf(deployment), { wanted, sequence, failed: row.state === 'failed' });
  }
  for (const deployment of deployments.toSorted((a, b) => a.sequence - b.sequence)) {
    const row = rows.find((one) => one.deployment === deployment.id);
    if (row?.state !== 'returning' && row?.state !== 'returned') continue;
    const lane = laneOf(deployment);
    const winner = lanes.get(lane);
    // An earlier deployment says best what to go back to, unless the device could not take it then either.
    if (winner !== undefined && (winner.sequence > deployment.sequence || !winner.failed)) continue;
    const back = row.previous?.target ? { ...row.previous, target: row.previous.target, deployment: null } : null;
    if (back !== null || row.previous === null)
      lanes.set(lane, { wanted: back, sequence: deployment.sequence, failed: false });
  }
  for (const [name, target] of Object.entries(device.pins)) {
    const version = versionOfTarget(target);
    const lane = name === 'system' ? 'system' : `app ${name}`;
    lanes.set(lane, { wanted: { version, target, deployment: null }, sequence: 0, failed: false });
  }

  let system: DesiredState['system'] = null;
  const apps: DesiredState['apps'] = {};
  const removeApps: string[] = [];
  for (const [lane, { wanted }] of [...lanes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (lane === 'system') system = wanted;
    else if (wanted === null) removeApps.push(lane.slice('app '.length));
    else apps[lane.slice('app '.length)] = wanted;
  }
  const content = { format: 1 as const, system, apps, removeApps };
  const states = known.get(previous) ?? new Map<string, DesiredState>();
  known.set(previous, states);
  const key = JSON.stringify(content);
  const { generation, ...before } = previous;
  const next =
    states.get(key) ?? (isDeepStrictEqual(content, before) ? previous : { ...content, generation: generation + 1 });
  states.set(key, next);
  return next;
}

/** `apps/hello/1.0.0/any.sqfs` and `systems/pc/1.0.0/slot.img` → `1.0.0` */
export function versionOfTarget(target: string): string {
  return target.split('/')[2] ?? '';
}

/**
 * Rows that must be written so that each deployment that reaches the device has one: `planned` or `skipped`. What no
 * longer reaches it, or gives way to a newer one, is superseded.
 * @param waveOf wave of a device that has no row yet
 */
export function syncDevice(
  device: Candidate,
  deployments: readonly EngineDeployment[],
  rows: readonly Assignment[],
  belongs: Belongs,
  now: number,
  waveOf: (deployment: EngineDeployment) => number = (deployment) => waveCount(deployment.rollout) - 1,
): Assignment[] {
  const changed: Assignment[] = [];
  const rulers = new Map<string, EngineDeployment>();
  for (const deployment of deployments.toSorted((a, b) => b.sequence - a.sequence)) {
    const lane = laneOf(deployment);
    const row = rows.find((one) => one.deployment === deployment.id);
    const ruler = rulers.get(lane);
    if (row === undefined && ruler !== undefined) continue;
    const gone = OVER.has(deployment.state) || !holds(deployment, device, row, belongs);
    if (gone || ruler !== undefined) {
      if (row !== undefined && isOpen(row))
        changed.push(moved(row, 'superseded', supersededReason(deployment, device, ruler, gone), now));
      continue;
    }
    if (row === undefined ? STOPPED.has(deployment.state) : !['superseded', 'skipped'].includes(row.state)) {
      if (row !== undefined && rules(deployment, row)) rulers.set(lane, deployment);
      continue;
    }
    const reason = skipReason(deployment, device, row);
    const fresh = row ?? newRow(deployment.id, device.id, waveOf(deployment), now);
    const next = moved({ ...fresh, attempts: 0 }, reason === null ? 'planned' : 'skipped', reason, now);
    if (row === undefined || row.state !== next.state || row.reason !== next.reason) changed.push(next);
    if (rules(deployment, next)) rulers.set(lane, deployment);
  }
  return changed;
}

/** Older deployments of the lane have nothing more to say to the device. */
function rules(deployment: EngineDeployment, row: Assignment): boolean {
  return isReleased(row) || (row.state === 'planned' && beginsAtOnce(deployment, row));
}

/** Nothing but the device itself is waited for. */
export function beginsAtOnce({ state, wave, rollout }: EngineDeployment, row: Pick<Assignment, 'wave'>): boolean {
  if (state !== 'running' && state !== 'done' && state !== 'failed') return false;
  return wave >= row.wave && rollout.maxConcurrent === null && rollout.perMinute === null && rollout.window === null;
}

/** Why the device does not get the release though it is meant for it; null where it does. */
export function skipReason(
  deployment: Omit<EngineDeployment, 'sequence'>,
  device: Candidate,
  row: Assignment | undefined,
): string | null {
  const pin = pinOf(deployment, device);
  if (pin !== undefined) return pin === deployment.target ? null : `the device is pinned to ${versionOfTarget(pin)}`;
  const unfit = unfitReason(deployment, device);
  if (unfit !== null) return unfit;
  const runs = runningVersion(device, deployment);
  // A row that was superseded comes back when the newer release was taken back: that is asking for the older one.
  if (runs === null || deployment.rollout.allowDowngrade || row?.state === 'superseded') return null;
  return semver.gt(runs, deployment.version) ? `the device runs ${runs}, which is newer` : null;
}

/** What of the release's own rules the device does not meet; null where it meets all. */
export function unfitReason({ minimumSystem, channel }: ReleaseRules, device: Candidate): string | null {
  if (channel !== undefined && !device.tags.includes(channel))
    return `the release is of the channel ${channel}, and the device has no tag ${channel}`;
  if (minimumSystem === undefined || device.systemVersion === null) return null;
  return semver.lt(device.systemVersion, minimumSystem)
    ? `it needs system ${minimumSystem} or newer, the device runs ${device.systemVersion}`
    : null;
}

/** The release that the device keeps in the deployment's lane, whatever is deployed. */
export function pinOf({ kind, name }: Pick<EngineDeployment, 'kind' | 'name'>, device: Candidate): string | undefined {
  const lane = kind === 'system' ? 'system' : name;
  return Object.hasOwn(device.pins, lane) ? device.pins[lane] : undefined;
}

/** What the device runs in the deployment's lane, as far as it has told; null where it has nothing. */
export function runningVersion(
  { systemVersion, apps }: Candidate,
  { kind, name }: Pick<EngineDeployment, 'kind' | 'name'>,
): string | null {
  if (kind === 'system') return systemVersion;
  return (Object.hasOwn(apps, name) ? apps[name]?.version : null) ?? null;
}

function newRow(deployment: string, device: string, wave: number, now: number): Assignment {
  return {
    ...{ deployment, device, wave, state: 'planned', percent: null, reason: null, generation: 0 },
    ...{ attempts: 0, notBefore: null, since: now, releasedAt: null, previous: null },
  };
}

function moved(row: Assignment, state: Assignment['state'], reason: string | null, now: number): Assignment {
  return { ...row, state, percent: null, reason, notBefore: null, since: now };
}

function supersededReason(
  own: EngineDeployment,
  device: Candidate,
  ruler: EngineDeployment | undefined,
  gone: boolean,
): string {
  if (device.state !== 'active') return `the device is ${device.state}`;
  if (own.state === 'aborted') return 'the deployment was aborted';
  if (OVER.has(own.state)) return 'the deployment was turned back';
  if (gone || ruler === undefined)
    return 'tag' in own.to ? 'the device no longer has the tag' : 'the device no longer belongs to it';
  return `replaced by ${ruler.version}`;
}

/** Something may still come of it. */
export function isOpen(row: Pick<Assignment, 'state'>): boolean {
  return !hasEnded(row as Assignment) && row.state !== 'returning';
}
