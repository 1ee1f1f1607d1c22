import type { Deployment } from '@nodeos/contracts/operator-api.ts';

type Counts = Deployment['counts'];

/** Devices of all states. */
export function sizeOf(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** Devices that confirmed, failed and are at work, as parts of one bar. */
export function DeploymentBar({ counts }: { counts: Counts }) {
  const count = (...states: (keyof Counts)[]): number => states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  const parts = {
    good: count('confirmed'),
    back: count('returned'),
    bad: count('failed', 'penalty'),
    busy: count('told', 'working', 'soaking', 'returning'),
  };
  const size = sizeOf(counts);
  const rest = size === 0 ? 1 : count('planned', 'waiting', 'superseded', 'skipped');
  const words = [
    `${parts.good} confirmed`,
    `${parts.bad} failed`,
    ...(parts.back > 0 ? [`${parts.back} back`] : []),
    `${parts.busy} at work`,
  ];
  return (
    <span class="bar" role="img" aria-label={`${words.join(', ')}, of ${size}`}>
      {Object.entries({ ...parts, rest }).map(([tone, share]) =>
        share === 0 ? null : <i key={tone} class={tone} style={{ flexGrow: share }} />,
      )}
    </span>
  );
}
