import type { DesiredState } from '@nodeos/contracts/desired-state.ts';
import type { Assignment, DeploymentRecord } from '../store/rollouts.ts';
import { attemptName, type Belongs, type Candidate, type EngineDeployment, isOver, laneOf, winners } from './plan.ts';
import { hasEnded } from './plan-rollout.ts';

type Ranked = Pick<DeploymentRecord, 'sequence' | 'kind' | 'name' | 'state'>;
type DeploymentOf = (id: string) => Ranked | undefined;

/**
 * What of a device's rows is past once it has confirmed a deployment that is still wanted of it: all older ones of the
 * lane, up to the first of which something may still come. One that it confirmed and that no longer reaches it does not
 * say what counts. @param rows of one device, none of them past. @returns those that are past now
 */
export function becomePast(
  rows: readonly Assignment[],
  deploymentOf: DeploymentOf,
  { system, apps }: Pick<DesiredState, 'system' | 'apps'>,
): Assignment[] {
  const wanted = new Set([system, ...Object.values(apps)].map((release) => release?.deployment));
  const isWanted = ({ deployment, attempts }: Assignment): boolean => wanted.has(attemptName(deployment, attempts));
  const past: Assignment[] = [];
  for (const lane of lanesOf(rows, deploymentOf).values()) {
    const newest = lane.findLastIndex(
      ({ row, deployment }) => row.state === 'confirmed' && !isOver(deployment) && isWanted(row),
    );
    for (const { row } of lane.slice(0, Math.max(0, newest))) {
      if (!hasEnded(row)) break;
      past.push({ ...row, past: true });
    }
  }
  return past;
}

/**
 * Whether the engine has to be asked again with the rows that are past: it did without them where each lane has a
 * deployment that counts, not older than what was read of the lane.
 * @param before what was read; a lane of which nothing was read has no past
 * @param after what the engine made of it
 */
export function asksForPast(
  device: Candidate,
  deployments: readonly EngineDeployment[],
  before: ReadonlyMap<string, Assignment>,
  after: ReadonlyMap<string, Assignment>,
  belongs: Belongs,
  deploymentOf: DeploymentOf,
): boolean {
  const rows = [...after.values()];
  const oldest = new Map<string, number>();
  for (const [lane, [first]] of lanesOf([...before.values()], deploymentOf))
    oldest.set(lane, first?.deployment.sequence ?? 0);
  if (oldest.size === 0) return false;
  const isOlder = (deployment: Ranked): boolean => deployment.sequence < (oldest.get(laneOf(deployment)) ?? 0);
  for (const { deployment: id } of rows) {
    const deployment = deploymentOf(id);
    if (deployment !== undefined && isOlder(deployment)) return true;
  }
  for (const { deployment } of winners(device, deployments, rows, belongs)) oldest.delete(laneOf(deployment));
  return oldest.size > 0;
}

/**
 * Of rows that were past, those that count again: all that are not older than what counts in their lane now, and all that
 * are newer than a row that is not past. @returns these, no longer past
 */
export function countAgain(
  device: Candidate,
  deployments: readonly EngineDeployment[],
  before: ReadonlyMap<string, Assignment>,
  after: ReadonlyMap<string, Assignment>,
  belongs: Belongs,
  deploymentOf: DeploymentOf,
): Assignment[] {
  const rows = [...after.values()];
  if (!rows.some(({ past }) => past)) return [];
  const counting = new Map(winners(device, deployments, rows, belongs).map((one) => [laneOf(one.deployment), one]));
  const again: Assignment[] = [];
  for (const [lane, ranked] of lanesOf(rows, deploymentOf)) {
    const winner = counting.get(lane)?.deployment.sequence ?? Number.NEGATIVE_INFINITY;
    let stays = true;
    for (const { row, deployment } of ranked) {
      stays &&= row.past === true && row === before.get(row.deployment) && deployment.sequence < winner;
      const { past, ...rest } = row;
      if (past && !stays) again.push(rest);
    }
  }
  return again;
}

/** The rows of each lane with their deployments, oldest first. */
function lanesOf(
  rows: readonly Assignment[],
  deploymentOf: DeploymentOf,
): Map<string, { readonly row: Assignment; readonly deployment: Ranked }[]> {
  const ranked = rows.flatMap((row) => {
    const deployment = deploymentOf(row.deployment);
    return deployment === undefined ? [] : [{ row, deployment }];
  });
  ranked.sort((a, b) => a.deployment.sequence - b.deployment.sequence);
  return Map.groupBy(ranked, ({ deployment }) => laneOf(deployment));
}
