import type { Deployment, DeploymentPlan, DeploymentRequest, Release } from '@nodeos/contracts/operator-api.ts';
import { api } from '../api.ts';
import { useLoad } from '../use-load.ts';

/** What a deployment would do, before it is one: how many devices get it, and why the others do not. */
export function DeployPlan({
  release,
  to,
  rollout,
}: {
  release: Release;
  to: Deployment['to'];
  rollout: DeploymentRequest['rollout'];
}) {
  const { value: plan, error } = useLoad(() => api.plan(release.target, to, rollout));
  return (
    <div class={`plan ${error === null ? '' : 'refused'}`} role="status">
      {error !== null && <p>{error.message}</p>}
      {plan !== null && <PlanText plan={plan} />}
    </div>
  );
}

function PlanText({ plan: { devices, waves } }: { plan: DeploymentPlan }) {
  const reached = devices.filter(({ state }) => state === 'planned').length;
  // The same words for many devices are one line; a version in them makes two of them.
  const reasons = new Map<string, number>();
  for (const { reason } of devices) if (reason !== null) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  const most = [...reasons].sort(([, a], [, b]) => b - a);
  return (
    <>
      <p>
        Goes to <strong>{reached}</strong> of {devices.length} devices
        {waves.length > 1 && ` in ${waves.length} waves`}
      </p>
      {most.slice(0, 3).map(([reason, count]) => (
        <p key={reason} class="left-out">
          {count} left out: {reason}
        </p>
      ))}
    </>
  );
}
