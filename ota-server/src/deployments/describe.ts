import type { Deployment } from '@nodeos/contracts/operator-api.ts';
import type { Assignment, AssignmentCount, DeploymentRecord } from '../store/rollouts.ts';
import { waveCount } from './plan-waves.ts';

type State = Assignment['state'];
/** What an operator must see first. */
export const SHOWN_ORDER: readonly State[] = [
  ...(['failed', 'penalty', 'working', 'returning', 'told', 'soaking', 'waiting'] as const),
  ...(['planned', 'confirmed', 'returned', 'skipped', 'superseded'] as const),
];

/** The operator API's view of a deployment. */
export function describeDeployment(
  record: DeploymentRecord,
  counted: readonly AssignmentCount[],
  shown: readonly Assignment[],
  nameOf: (device: string) => string,
): Deployment {
  const { sequence: _sequence, approvedWave: _approved, ...deployment } = record;
  const sum = (of: readonly AssignmentCount[]): Deployment['counts'] => {
    const counts: Deployment['counts'] = {};
    for (const { state, count } of of) counts[state] = (counts[state] ?? 0) + count;
    return counts;
  };
  const byWave = Map.groupBy(counted, ({ wave }) => wave);
  return {
    ...deployment,
    counts: sum(counted),
    waves: Array.from({ length: waveCount(record.rollout) }, (_, index) => {
      const members = byWave.get(index) ?? [];
      return { size: members.reduce((size, { count }) => size + count, 0), counts: sum(members) };
    }),
    devices: shown.map(({ device, state, wave, attempts, percent, reason, notBefore }) => ({
      ...{ id: device, name: nameOf(device), state, wave, attempts, percent, reason, notBefore },
    })),
  };
}
