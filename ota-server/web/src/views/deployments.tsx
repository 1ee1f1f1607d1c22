import { type Deployment, UNDER_WAY } from '@nodeos/contracts/operator-api.ts';
import type { Fleet } from '../fleet.ts';
import { Icon } from '../parts/icon.tsx';
import { Fault } from '../parts/list.tsx';
import type { Notify } from '../parts/notices.tsx';
import { Ago, Badge, Command, Empty, Progress, Reason } from '../parts/small.tsx';
import { releaseIcon } from '../releases.ts';
import { rolloutMarks } from '../rollouts.ts';
import { type DeployPreset, href } from '../route.ts';
import { useOlderDeployments } from '../use-older-deployments.ts';
import { deploymentTone, deploymentWord, destinationText, rowTone, rowWord } from '../words.ts';
import { DeployForm } from './deploy-form.tsx';
import { DeploymentBar, sizeOf } from './deployment-bar.tsx';
import { DeploymentSteps } from './deployment-steps.tsx';
import { Waves } from './deployment-waves.tsx';
import { PUBLISH_COMMANDS } from './releases.tsx';

export function DeploymentsPage({
  fleet,
  selected,
  begin,
  notify,
}: {
  fleet: Fleet;
  selected: string | null;
  begin: DeployPreset;
  notify: Notify;
}) {
  const [newest] = fleet.releases;
  const older = useOlderDeployments(fleet.deployments);
  if (fleet.deployments.length === 0 && newest === undefined)
    return (
      <Empty
        title="Nothing published yet"
        commands={[
          ...PUBLISH_COMMANDS,
          ['Send it to all devices with a tag', 'nodeos deploy <app>@<version> --tag kiosk --wait'],
        ]}
      >
        A deployment brings one published release to a device, or to all devices with a tag. It is shown here with its
        progress on each of them.
      </Empty>
    );
  return (
    <section aria-labelledby="deployments-title">
      <div class="page-head">
        <h1 id="deployments-title">Deployments</h1>
        <DeployForm key={`${begin.release} ${begin.to}`} fleet={fleet} begin={begin} notify={notify} />
      </div>
      {fleet.deployments.length === 0 && newest !== undefined && (
        <p class="nothing">
          {newest.name} {newest.version} is published and goes nowhere yet.{' '}
          <Command text={`nodeos deploy ${newest.name}@${newest.version} --tag kiosk --wait`} />
        </p>
      )}
      {fleet.deployments.length > 0 && (
        <ul class="deployments">
          {[...fleet.deployments, ...older.list].map((deployment, index) => (
            <DeploymentCard
              key={deployment.id}
              deployment={deployment}
              open={
                deployment.id === selected ||
                (selected === null && (index === 0 || UNDER_WAY.includes(deployment.state)))
              }
              notify={notify}
            />
          ))}
        </ul>
      )}
      <Fault error={older.error} />
      {older.more && (
        <button type="button" class="button more" onClick={older.load}>
          Show older ones
        </button>
      )}
    </section>
  );
}

function DeploymentCard({ deployment, open, notify }: { deployment: Deployment; open: boolean; notify: Notify }) {
  const { counts, devices, waves } = deployment;
  const hidden = sizeOf(counts) - devices.length;
  return (
    <li class={`deployment ${deployment.state}`} data-deployment={deployment.id}>
      <details open={open}>
        <summary>
          <Icon name="chevron" />
          <span class="what">
            <Icon name={releaseIcon(deployment)} />
            <strong>{deployment.name}</strong> <span class="number">{deployment.version}</span>
            <span class="faint">
              to {[destinationText(deployment.to), ...rolloutMarks(deployment.rollout)].join(', ')}
            </span>
          </span>
          <DeploymentBar counts={counts} />
          <span class="tally number">
            {counts.confirmed ?? 0}/{sizeOf(counts)}
          </span>
          <Badge tone={deploymentTone(deployment.state)}>{deploymentWord(deployment.state)}</Badge>
          <span class="when faint">
            <Ago at={deployment.createdAt} />
          </span>
        </summary>
        <div class="deployment-body">
          {deployment.reason !== null && (
            <p class="stopped" role="status">
              {deploymentWord(deployment.state)}: {deployment.reason}
            </p>
          )}
          {waves.length > 1 && <Waves deployment={deployment} />}
          {devices.length === 0 && <p class="faint">No device is reached yet; those that come later are.</p>}
          <ul class="rows">
            {devices.toSorted(byInterest).map((device) => (
              <li key={device.id}>
                <a href={href('devices', device.id)}>{device.name}</a>
                <span class="line end">
                  {device.percent !== null && (
                    <Progress percent={device.percent} tone="busy" label={`${device.name} fetches`} />
                  )}
                  {device.attempts > 1 && <span class="faint">attempt {device.attempts}</span>}
                  <Badge tone={rowTone(device.state)}>{rowWord(device.state)}</Badge>
                </span>
                {device.reason !== null && <Reason reason={device.reason} />}
              </li>
            ))}
          </ul>
          {hidden > 0 && <p class="faint">and {hidden} more devices</p>}
          <div class="deployment-foot">
            <code>{deployment.id}</code>
            <DeploymentSteps deployment={deployment} notify={notify} />
          </div>
        </div>
      </details>
    </li>
  );
}

type Row = Deployment['devices'][number];
/** What an operator must see first stands first. */
const FIRST: readonly Row['state'][] = ['failed', 'penalty', 'returning', 'returned', 'working', 'soaking', 'told'];
const rank = ({ state }: Row): number => (FIRST.includes(state) ? FIRST.indexOf(state) : FIRST.length);
const byInterest = (a: Row, b: Row): number =>
  rank(a) - rank(b) || a.name.localeCompare(b.name, 'en', { numeric: true });
