import type { Identity } from '@nodeos/contracts/access.ts';
import type { DeviceDetail } from '@nodeos/contracts/operator-api.ts';
import { api } from '../api.ts';
import type { Notify } from '../parts/notices.tsx';
import { Ago, Badge, ConfirmButton } from '../parts/small.tsx';
import { deployToHref, href } from '../route.ts';
import { OnlineDot } from './device-row.tsx';

interface HeadProps {
  readonly device: DeviceDetail;
  readonly me: Identity;
  readonly notify: Notify;
}

/** Which device it is, and what can be done to it as a whole. */
export function DeviceHead(props: HeadProps) {
  const { device, me } = props;
  return (
    <header class="panel-head">
      <h2 id="panel-title">
        <OnlineDot device={device} /> {device.name}
      </h2>
      <p class="under">
        <code>{device.id}</code> {device.online ? 'online' : 'last seen'}{' '}
        {!device.online && (device.lastSeen === null ? 'never' : <Ago at={device.lastSeen} />)}
      </p>
      <div class="actions">
        {me.scopes.includes('deploy') && device.state === 'active' && (
          <a class="button" href={deployToHref(`device:${device.id}`)}>
            Deploy to it
          </a>
        )}
        {me.scopes.includes('devices') && <Actions {...props} />}
        {device.state === 'revoked' && <Badge tone="idle">Revoked</Badge>}
      </div>
    </header>
  );
}

function Actions({ device: { id, name, state, online }, notify }: HeadProps) {
  const act = (work: Promise<unknown>, done: string): Promise<void> => work.then(() => notify.done(done), notify.error);
  return (
    <>
      {state === 'pending' && (
        <button type="button" class="button solid primary" onClick={() => act(api.approve(id), `${name} is approved`)}>
          Approve
        </button>
      )}
      {state === 'active' && online && (
        <>
          <button
            type="button"
            class="button"
            onClick={() => act(api.identify(id), 'The device blinks for half a minute')}
          >
            Identify
          </button>
          <ConfirmButton
            label="Reboot"
            question="Reboot now?"
            onConfirm={() => act(api.reboot(id), 'The device was told to reboot')}
          />
        </>
      )}
      {state !== 'revoked' && (
        <ConfirmButton
          label="Revoke"
          tone="bad"
          question="For good: this identity never comes back."
          onConfirm={() => act(api.revoke(id), `${name} is revoked`)}
        />
      )}
      {state === 'revoked' && (
        <ConfirmButton
          label="Remove"
          tone="bad"
          question="Forget it and its history?"
          onConfirm={() => {
            api.removeDevice(id).then(() => {
              location.hash = href('devices');
              notify.done(`${name} is removed`);
            }, notify.error);
          }}
        />
      )}
    </>
  );
}
