import { type Deployment, UNDER_WAY } from '@nodeos/contracts/operator-api.ts';
import { Icon } from '../parts/icon.tsx';
import { releaseIcon } from '../releases.ts';
import { href } from '../route.ts';
import { destinationText } from '../words.ts';
import { DeploymentBar, sizeOf } from './deployment-bar.tsx';

const SHOWN = 3;

/** What goes out to the fleet at this moment, above the devices that it goes to. */
export function RunningDeployments({ deployments }: { deployments: readonly Deployment[] }) {
  const running = deployments
    .filter(({ state, devices }) => UNDER_WAY.includes(state) && devices.length > 0)
    .slice(0, SHOWN);
  if (running.length === 0) return null;
  return (
    <nav class="running-now" aria-label="Running deployments">
      {running.map((deployment) => (
        <a key={deployment.id} href={href('deployments', deployment.id)}>
          <span class="line">
            <span class="what">
              <Icon name={releaseIcon(deployment)} />
              <strong>{deployment.name}</strong> <span class="number">{deployment.version}</span>
              <span class="faint">to {destinationText(deployment.to)}</span>
            </span>
            <span class="number faint">
              {deployment.counts.confirmed ?? 0}/{sizeOf(deployment.counts)}
            </span>
          </span>
          <DeploymentBar counts={deployment.counts} />
        </a>
      ))}
    </nav>
  );
}
