import type { DeviceDetail } from '@nodeos/contracts/operator-api.ts';
import { useState } from 'preact/hooks';
import { ApiError, api } from '../api.ts';
import { Fault } from '../parts/list.tsx';
import { Ago } from '../parts/small.tsx';

interface Picture {
  readonly url: string;
  readonly at: number;
}

/** What the screen shows, where one app has it; taken when somebody asks. */
export function DeviceScreen({ device }: { device: DeviceDetail }) {
  const [picture, setPicture] = useState<Picture | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const screen = device.report?.screen;
  if (screen === undefined) return null;
  const take = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      setPicture({ url: await api.screenshot(device.id), at: Date.now() });
    } catch (cause) {
      setError(cause instanceof ApiError ? cause : new ApiError('INTERNAL', String(cause), ''));
    }
    setBusy(false);
  };
  return (
    <section aria-labelledby="panel-screen" class="live-part">
      <h3 id="panel-screen">Screen</h3>
      <div class="inline">
        <button type="button" class="button" disabled={busy || !device.online} onClick={take}>
          {picture === null ? 'Look' : 'Look again'}
        </button>
        <span class="live-note" role="status">
          {busy && 'The device sends it…'}
          {!busy && picture === null && `${screen.kiosk} has it.`}
          {!busy && picture !== null && <Ago at={picture.at} />}
        </span>
        {screen.blankSince !== null && (
          <span class="live-note">
            Of one colour since <Ago at={screen.blankSince} />
          </span>
        )}
      </div>
      <Fault error={error} />
      {picture !== null && <img class="screen" src={picture.url} alt={`Screen of ${device.name}`} />}
    </section>
  );
}
