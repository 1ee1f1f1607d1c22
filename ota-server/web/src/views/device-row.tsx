import type { DeviceSummary } from '@nodeos/contracts/operator-api.ts';
import { api } from '../api.ts';
import type { Notify } from '../parts/notices.tsx';
import { Ago, Badge, Progress, Reason, Tags } from '../parts/small.tsx';
import { href } from '../route.ts';
import { appTone, underWay, updatePercent, updateTone, updateWord } from '../words.ts';

const SHOWN_APPS = 3;

/** Online, offline, or not yet part of the fleet, as a dot and in words. */
export function OnlineDot({ device }: { device: Pick<DeviceSummary, 'online' | 'state'> }) {
  const word = device.state === 'active' ? (device.online ? 'online' : 'offline') : device.state;
  return <i class={`dot ${word}`} role="img" aria-label={word} title={word} />;
}

interface RowProps {
  /** Of the whole list, from 0. */
  readonly index: number;
  readonly device: DeviceSummary;
  /** Its page is open. */
  readonly selected: boolean;
  /** Chosen for an action; null where nothing can be chosen. */
  readonly marked: boolean | null;
  readonly markable: boolean;
  readonly onMark: () => void;
  readonly notify: Notify;
}

export function DeviceRow({ index, device, selected, marked, markable, onMark, notify }: RowProps) {
  const apps = Object.entries(device.apps);
  const approve = (): void => {
    api.approve(device.id).then(() => notify.done(`${device.name} is approved`), notify.error);
  };
  return (
    <tr aria-rowindex={index + 2} aria-selected={selected} class={device.state} data-device={device.id}>
      <th scope="row">
        <div class="device-cell">
          {marked !== null && (
            <input
              type="checkbox"
              aria-label={`Select ${device.name}`}
              checked={marked}
              disabled={!markable}
              onChange={onMark}
            />
          )}
          <OnlineDot device={device} />
          <div class="identity">
            <a href={href('devices', device.id)}>{device.name}</a>
            <span class="under">
              {device.name !== device.id && <code>{device.id}</code>}
              <Tags of={device.tags} />
            </span>
          </div>
        </div>
      </th>
      <td>
        <span class="number">{device.systemVersion}</span>
        <span class="under">{device.board}</span>
      </td>
      <td>
        <ul class="apps" aria-label={`Apps of ${device.name}`}>
          {apps.slice(0, SHOWN_APPS).map(([name, app]) => (
            <li key={name} title={app.reason ?? app.state}>
              <i class={`dot ${appTone(app.state)}`} role="img" aria-label={app.state} />
              {name} <span class="number">{app.version}</span>
            </li>
          ))}
          {apps.length > SHOWN_APPS && <li class="faint">+{apps.length - SHOWN_APPS}</li>}
          {apps.length === 0 && <li class="faint">none</li>}
        </ul>
      </td>
      <td class="update">
        {device.state === 'pending' ? (
          <button type="button" class="button solid primary" aria-label={`Approve ${device.name}`} onClick={approve}>
            Approve
          </button>
        ) : (
          <UpdateCell device={device} />
        )}
      </td>
      <td class="end">{device.lastSeen === null ? <span class="faint">never</span> : <Ago at={device.lastSeen} />}</td>
    </tr>
  );
}

function UpdateCell({ device }: { device: DeviceSummary }) {
  const { update } = device;
  if (device.state === 'revoked') return <Badge tone="idle">Revoked</Badge>;
  if (update === null) return <span class="faint">—</span>;
  const what = `${update.name} ${update.version}`;
  if (underWay(update))
    return (
      <>
        <span class="line">
          <Badge tone="busy">{updateWord(update.state)}</Badge> <span class="number">{what}</span>
        </span>
        <Progress percent={updatePercent(update)} tone="busy" label={`Update of ${device.name} to ${what}`} />
      </>
    );
  return (
    <>
      <span class="line">
        <Badge tone={updateTone(update.state)}>{updateWord(update.state)}</Badge> <span class="number">{what}</span>
      </span>
      {update.reason !== null && (
        <span class="under clip" title={update.reason}>
          <Reason reason={update.reason} />
        </span>
      )}
    </>
  );
}
