import { useState } from 'preact/hooks';
import { api } from '../api.ts';
import type { Fleet } from '../fleet.ts';
import { Block } from '../parts/block.tsx';
import { Fault, List } from '../parts/list.tsx';
import type { Notify } from '../parts/notices.tsx';
import { Ago, ConfirmButton, Tags } from '../parts/small.tsx';
import { href } from '../route.ts';
import { useLoad } from '../use-load.ts';
import { ClaimTokens } from './claim-tokens.tsx';

const SHOWN = 200;

/** How devices come into the fleet. */
export function ProvisioningPage({ fleet, notify }: { fleet: Fleet; notify: Notify }) {
  return (
    <section aria-labelledby="provisioning-title">
      <div class="page-head">
        <h1 id="provisioning-title">Provisioning</h1>
      </div>
      <Waiting fleet={fleet} notify={notify} />
      <ClaimTokens devices={fleet.overview.devices.total} notify={notify} />
      <Registrations devices={fleet.overview.devices.total} notify={notify} />
    </section>
  );
}

function Waiting({ fleet, notify }: { fleet: Fleet; notify: Notify }) {
  const { value, error } = useLoad(() => api.devices({ state: 'pending', limit: SHOWN }), [fleet.turn]);
  const pending = value?.devices ?? [];
  return (
    <Block id="waiting-title" title="Waiting for approval">
      <Fault error={error} />
      <List
        label="Devices that wait"
        columns={['Device', 'Serial number', 'Board', 'Since', 'Actions']}
        empty="No device waits."
        count={value === null ? 1 : pending.length}
      >
        {pending.map((device) => (
          <tr key={device.id}>
            <th scope="row">
              <a href={href('devices', device.id)}>{device.name}</a>
            </th>
            <td>{device.serial}</td>
            <td>{device.board}</td>
            <td>
              <Ago at={device.createdAt} />
            </td>
            <td>
              <button
                type="button"
                class="button solid primary"
                aria-label={`Approve ${device.name}`}
                onClick={() => {
                  api.approve(device.id).then(() => notify.done(`${device.name} is approved`), notify.error);
                }}
              >
                Approve
              </button>{' '}
              <ConfirmButton
                label="Refuse"
                tone="bad"
                question="For good: this identity never comes in."
                onConfirm={() => {
                  api.revoke(device.id).then(() => notify.done(`${device.name} is refused`), notify.error);
                }}
              />
            </td>
          </tr>
        ))}
      </List>
      {value !== null && value.total > pending.length && (
        <p class="faint">
          {value.total - pending.length} more wait: <a href={href('devices')}>all devices</a>
        </p>
      )}
    </Block>
  );
}

function Registrations({ devices, notify }: { devices: number; notify: Notify }) {
  const { value: registrations, error, reload } = useLoad(api.registrations, [devices]);
  const [text, setText] = useState('');
  const send = (csv: string): void => {
    api.register(csv).then(({ added, changed }) => {
      setText('');
      notify.done(`${added} added, ${changed} changed`);
      reload();
    }, notify.error);
  };
  return (
    <Block id="registrations-title" title="Registered serial numbers">
      <form
        class="stacked"
        aria-label="Register serial numbers"
        onSubmit={(event) => {
          event.preventDefault();
          send(text);
        }}
      >
        <label for="csv">
          Comma-separated values with the heading <code>serial,tags,approve</code>
        </label>
        <textarea
          id="csv"
          rows={3}
          spellcheck={false}
          placeholder={'serial,tags,approve\n100000003d1f,kiosk berlin,yes'}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <div class="inline">
          <button type="submit" class="button solid primary" disabled={text.trim() === ''}>
            Register
          </button>
          <label class="file">
            or a file{' '}
            <input
              type="file"
              accept=".csv,text/csv"
              onChange={(event) => {
                event.currentTarget.files?.[0]?.text().then(send, notify.error);
              }}
            />
          </label>
        </div>
      </form>
      <Fault error={error} />
      <List
        label="Registered serial numbers"
        columns={['Serial number', 'Tags', 'Approves', 'Device', 'Actions']}
        empty="None. Devices can come with a claim token alone."
        count={registrations?.length ?? 1}
      >
        {registrations?.map(({ serial, tags, approve, device }) => (
          <tr key={serial}>
            <th scope="row">{serial}</th>
            <td>
              <Tags of={tags} />
            </td>
            <td>{approve ? 'yes' : 'no'}</td>
            <td>{device === null ? 'not yet' : <a href={href('devices', device)}>{device}</a>}</td>
            <td>
              <button
                type="button"
                class="button"
                aria-label={`Remove ${serial}`}
                onClick={() => api.unregister(serial).then(reload, notify.error)}
              >
                Remove
              </button>
            </td>
          </tr>
        ))}
      </List>
    </Block>
  );
}
