import type { Deployment } from '@nodeos/contracts/operator-api.ts';

/** Devices that confirmed, failed and are at work, as parts of one bar. */
export function DeploymentBar({ deployment: { devices } }: { deployment: Deployment }) {
  const count = (...states: Deployment['devices'][number]['state'][]): number =>
    devices.filter(({ state }) => states.includes(state)).length;
  const parts = { good: count('confirmed'), bad: count('failed'), busy: count('told', 'working') };
  const rest = devices.length === 0 ? 1 : count('waiting', 'superseded');
  return (
    <span
      class="bar"
      role="img"
      aria-label={`${parts.good} confirmed, ${parts.bad} failed, ${parts.busy} at work, of ${devices.length}`}
    >
      {Object.entries({ ...parts, rest }).map(([tone, share]) =>
        share === 0 ? null : <i key={tone} class={tone} style={{ flexGrow: share }} />,
      )}
    </span>
  );
}
