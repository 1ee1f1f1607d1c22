import type { Deployment } from '@nodeos/contracts/operator-api.ts';
import type { Assignment, DeploymentRecord } from '../store/rollouts.ts';
import { waveCount } from './plan-waves.ts';

type State = Assignment['state'];
/** What an operator must see first. */
const ORDER: readonly State[] = [
  ...(['failed', 'penalty', 'working', 'returning', 'told', 'soaking', 'waiting'] as const),
  ...(['planned', 'confirmed', 'returned', 'skipped', 'superseded'] as const),
];

/** Rows that are shown of a deployment, the most telling first. */
export function shownRows(rows: readonly Assignment[], limit: number): Assignment[] {
  if (rows.length <= limit) return [...rows];
  return rows.toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state)).slice(0, limit);
}

/** The operator API's view of a deployment. */
export function describeDeployment(
  record: DeploymentRecord,
  rows: readonly Assignment[],
  shown: readonly Assignment[],
  nameOf: (device: string) => string,
): Deployment {
  const { sequence: _sequence, approvedWave: _approved, ...deployment } = record;
  const count = (of: readonly Assignment[]): Deployment['counts'] => {
    const counts: Deployment['counts'] = {};
    for (const { state } of of) counts[state] = (counts[state] ?? 0) + 1;
    return counts;
  };
  const byWave = Map.groupBy(rows, ({ wave }) => wave);
  return {
    ...deployment,
    counts: count(rows),
    waves: Array.from({ length: waveCount(record.rollout) }, (_, index) => {
      const members = byWave.get(index) ?? [];
      return { size: members.length, counts: count(members) };
    }),
    devices: shown.map(({ device, state, wave, attempts, percent, reason, notBefore }) => ({
      ...{ id: device, name: nameOf(device), state, wave, attempts, percent, reason, notBefore },
    })),
  };
}
