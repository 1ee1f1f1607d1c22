import type { Identity } from '@nodeos/contracts/access.ts';
import type { Deployment, DeviceDetail } from '@nodeos/contracts/operator-api.ts';
import { useEffect, useState } from 'preact/hooks';
import { ApiError, api } from '../api.ts';
import { Icon } from '../parts/icon.tsx';
import type { Notify } from '../parts/notices.tsx';
import { SidePanel } from '../parts/side-panel.tsx';
import { Ago, Badge, Command, Progress, Reason } from '../parts/small.tsx';
import { href } from '../route.ts';
import { appTone, underWay, updatePercent, updateTone, updateWord } from '../words.ts';
import { DeviceConsole } from './device-console.tsx';
import { DeviceFacts } from './device-facts.tsx';
import { DeviceHead } from './device-head.tsx';
import { DeviceLog } from './device-log.tsx';
import { DeviceMetrics } from './device-metrics.tsx';
import { DevicePins } from './device-pins.tsx';
import { DeviceScreen } from './device-screen.tsx';
import { TagEditor } from './tag-editor.tsx';

interface PanelProps {
  readonly id: string;
  /** Changes when the device does. */
  readonly revision: number;
  readonly deployments: readonly Deployment[];
  readonly me: Identity;
  readonly notify: Notify;
}

/** One device, beside the list. */
export function DevicePanel({ id, revision, me, notify }: PanelProps) {
  const [device, setDevice] = useState<DeviceDetail | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  useEffect(() => {
    let stale = false;
    api.device(id).then(
      (found) => !stale && setDevice(found),
      (cause) => !stale && setError(cause instanceof ApiError ? cause : new ApiError('INTERNAL', String(cause), '')),
    );
    return () => {
      stale = true;
    };
  }, [id, revision]);
  const close = (): void => {
    location.hash = href('devices');
  };

  return (
    <SidePanel onClose={close}>
      {device === null ? (
        <h2 id="panel-title">{error === null ? 'Loading…' : error.message}</h2>
      ) : (
        <DeviceContent device={device} me={me} notify={notify} />
      )}
    </SidePanel>
  );
}

function DeviceContent({ device, me, notify }: { device: DeviceDetail; me: Identity; notify: Notify }) {
  const apps = Object.entries(device.apps);
  return (
    <>
      <DeviceHead device={device} me={me} notify={notify} />
      <TagEditor device={device} mayChange={me.scopes.includes('devices')} notify={notify} />
      <DevicePins device={device} me={me} notify={notify} />
      <section aria-labelledby="panel-apps">
        <h3 id="panel-apps">Apps</h3>
        {apps.length === 0 ? (
          <p class="faint">
            No app runs here. <Command text={`nodeos deploy <app>@<version> --device ${device.id.slice(0, 6)}`} />
          </p>
        ) : (
          <ul class="rows">
            {apps.map(([name, app]) => (
              <li key={name}>
                <span class="line">
                  <strong>{name}</strong> <span class="number">{app.version}</span>
                </span>
                <span class="line end">
                  {app.restarts > 0 && (
                    <span class="faint">{app.restarts === 1 ? '1 restart' : `${app.restarts} restarts`}</span>
                  )}
                  <Badge tone={appTone(app.state)}>{app.state}</Badge>
                </span>
                {app.reason !== null && <Reason reason={app.reason} />}
              </li>
            ))}
          </ul>
        )}
      </section>
      <section aria-labelledby="panel-updates">
        <h3 id="panel-updates">Updates</h3>
        {device.updates.length === 0 && <p class="faint">None yet.</p>}
        <ul class="rows">
          {device.updates.map((update) => (
            <li key={`${update.target} ${update.deployment}`}>
              <span class="line">
                <Icon name={update.lane === 'app' ? 'app' : 'chip'} />
                <strong>{update.name}</strong> <span class="number">{update.version}</span>
              </span>
              <span class="line end">
                <span class="faint">
                  <Ago at={update.at} />
                </span>
                <Badge tone={updateTone(update.state)}>{updateWord(update.state)}</Badge>
              </span>
              {underWay(update) && (
                <Progress percent={updatePercent(update)} tone="busy" label={`${update.name} ${update.version}`} />
              )}
              {update.reason !== null && <Reason reason={update.reason} />}
            </li>
          ))}
        </ul>
      </section>
      <DeviceFacts device={device} />
      <DeviceMetrics id={device.id} revision={device} />
      <DeviceScreen device={device} />
      <DeviceLog device={device} />
      {me.scopes.includes('console') && <DeviceConsole device={device} />}
      <section aria-labelledby="panel-events">
        <h3 id="panel-events">Events</h3>
        {device.events.length === 0 && <p class="faint">None yet.</p>}
        <ol class="events">
          {device.events.map((event) => (
            <li key={`${event.at} ${event.kind} ${event.text}`} class={event.kind}>
              <span class="faint">
                <Ago at={event.at} />
              </span>
              <span class="kind">{event.kind}</span>
              <span>{event.text}</span>
            </li>
          ))}
        </ol>
      </section>
    </>
  );
}
