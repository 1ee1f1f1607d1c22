import type { Deployment } from '@nodeos/contracts/operator-api.ts';
import { api } from '../api.ts';
import type { Fleet } from '../fleet.ts';
import { Icon } from '../parts/icon.tsx';
import type { Notify } from '../parts/notices.tsx';
import { Ago, Badge, Command, ConfirmButton, Empty, Progress, Reason } from '../parts/small.tsx';
import { href } from '../route.ts';
import { deploymentTone, deploymentWord, destinationText, rowTone, rowWord } from '../words.ts';
import { DeployForm } from './deploy-form.tsx';
import { DeploymentBar } from './deployment-bar.tsx';

export function DeploymentsPage({
  fleet,
  selected,
  notify,
}: {
  fleet: Fleet;
  selected: string | null;
  notify: Notify;
}) {
  const [newest] = fleet.releases;
  if (fleet.deployments.length === 0 && newest === undefined)
    return (
      <Empty
        title="Nothing published yet"
        commands={[
          ['Pack an npm package for devices', 'nodeos bundle .'],
          ['Sign it with the release key and upload it', 'nodeos publish <bundle>.sqfs --keys keys'],
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
        <DeployForm fleet={fleet} notify={notify} />
      </div>
      {fleet.deployments.length === 0 && newest !== undefined && (
        <p class="nothing">
          {newest.name} {newest.version} is published and goes nowhere yet.{' '}
          <Command text={`nodeos deploy ${newest.name}@${newest.version} --tag kiosk --wait`} />
        </p>
      )}
      <ul class="deployments">
        {fleet.deployments.map((deployment, index) => (
          <DeploymentCard
            key={deployment.id}
            deployment={deployment}
            open={deployment.id === selected || (selected === null && (index === 0 || deployment.state === 'running'))}
            notify={notify}
          />
        ))}
      </ul>
    </section>
  );
}

function DeploymentCard({ deployment, open, notify }: { deployment: Deployment; open: boolean; notify: Notify }) {
  const { devices } = deployment;
  const confirmed = devices.filter(({ state }) => state === 'confirmed').length;
  const abort = (): void => {
    api
      .abort(deployment.id)
      .then(() => notify.done(`${deployment.name} ${deployment.version} is taken back`), notify.error);
  };
  return (
    <li class={`deployment ${deployment.state}`} data-deployment={deployment.id}>
      <details open={open}>
        <summary>
          <Icon name="chevron" />
          <span class="what">
            <Icon name={deployment.kind === 'app' ? 'app' : 'chip'} />
            <strong>{deployment.name}</strong> <span class="number">{deployment.version}</span>
            <span class="faint">to {destinationText(deployment.to)}</span>
          </span>
          <DeploymentBar deployment={deployment} />
          <span class="tally number">
            {confirmed}/{devices.length}
          </span>
          <Badge tone={deploymentTone(deployment.state)}>{deploymentWord(deployment.state)}</Badge>
          <span class="when faint">
            <Ago at={deployment.createdAt} />
          </span>
        </summary>
        <div class="deployment-body">
          {devices.length === 0 && <p class="faint">No device is reached yet; those that come later are.</p>}
          <ul class="rows">
            {devices.toSorted(byName).map((device) => (
              <li key={device.id}>
                <a href={href('devices', device.id)}>{device.name}</a>
                <span class="line end">
                  {device.percent !== null && (
                    <Progress percent={device.percent} tone="busy" label={`${device.name} fetches`} />
                  )}
                  <Badge tone={rowTone(device.state)}>{rowWord(device.state)}</Badge>
                </span>
                {device.reason !== null && <Reason reason={device.reason} />}
              </li>
            ))}
          </ul>
          <div class="deployment-foot">
            <code>{deployment.id}</code>
            {deployment.state !== 'aborted' && (
              <ConfirmButton
                label="Abort"
                tone="bad"
                question="Devices go back to what they ran before."
                onConfirm={abort}
              />
            )}
          </div>
        </div>
      </details>
    </li>
  );
}

type Row = Deployment['devices'][number];
const byName = (a: Row, b: Row): number => a.name.localeCompare(b.name, 'en', { numeric: true });
