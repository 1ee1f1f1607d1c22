import type { Identity } from '@nodeos/contracts/access.ts';
import type { DeviceDetail, Release } from '@nodeos/contracts/operator-api.ts';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ApiError, api } from '../api.ts';
import { Icon } from '../parts/icon.tsx';
import type { Notify } from '../parts/notices.tsx';
import { ConfirmButton } from '../parts/small.tsx';
import { machineOf, releaseIcon } from '../releases.ts';
import { useLoad } from '../use-load.ts';

/** Of a device, the lane of a release: what can be pinned once. */
const laneOf = ({ kind, name }: Release): string => (kind === 'system' ? 'system' : name);

/** Releases that the device keeps whatever is deployed. */
export function DevicePins({ device, me, notify }: { device: DeviceDetail; me: Identity; notify: Notify }) {
  const [adding, setAdding] = useState(false);
  // Again where one is about to be chosen: it may have been published since.
  const { value: releases } = useLoad(api.releases, [adding]);
  const [fault, setFault] = useState<ApiError | null>(null);
  const pins = Object.entries(device.pins);
  const mayChange = me.scopes.includes('deploy') && device.state !== 'revoked';
  const fitting = (releases ?? [])
    .filter((release) => release.kind === 'app' || release.name === device.board)
    .filter((release) => device.pins[laneOf(release)] !== release.target);
  if (pins.length === 0 && !(mayChange && fitting.length > 0)) return null;

  const save = (next: DeviceDetail['pins'], done: string): void => {
    setFault(null);
    api.setPins(device.id, next).then(
      () => {
        setAdding(false);
        notify.done(done);
      },
      (cause) => setFault(cause instanceof ApiError ? cause : new ApiError('INTERNAL', String(cause), '')),
    );
  };
  const unpin = (lane: string): void => {
    const { [lane]: _removed, ...rest } = device.pins;
    save(rest, `Deployments of ${lane} reach ${device.name} again`);
  };
  return (
    <section class="pins" aria-labelledby="panel-pins">
      <h3 id="panel-pins">Pinned releases</h3>
      <ul class="rows">
        {pins.map(([lane, target]) => (
          <li key={lane}>
            <Pinned target={target} release={releases?.find((one) => one.target === target)} />
            {mayChange && (
              <span class="line end">
                <ConfirmButton label="Unpin" question="Deployments reach it again." onConfirm={() => unpin(lane)} />
              </span>
            )}
          </li>
        ))}
      </ul>
      {mayChange && !adding && fitting.length > 0 && (
        <button type="button" class="button" onClick={() => setAdding(true)}>
          Pin a release
        </button>
      )}
      {adding && (
        <PinForm
          fitting={fitting}
          onPin={(release) =>
            save(
              { ...device.pins, [laneOf(release)]: release.target },
              `${device.name} keeps ${release.name} ${release.version}`,
            )
          }
          onCancel={() => setAdding(false)}
        />
      )}
      {/* Here and not as a notice: that would stand behind the panel. */}
      {fault !== null && (
        <p class="field-error" role="alert">
          {fault.message}. {fault.hint}
        </p>
      )}
    </section>
  );
}

function Pinned({ target, release }: { target: string; release: Release | undefined }) {
  if (release === undefined) return <code>{target}</code>;
  return (
    <span class="line">
      <Icon name={releaseIcon(release)} />
      <strong>{release.name}</strong> <span class="number">{release.version}</span>
    </span>
  );
}

function PinForm({
  fitting,
  onPin,
  onCancel,
}: {
  fitting: readonly Release[];
  onPin: (release: Release) => void;
  onCancel: () => void;
}) {
  const [target, setTarget] = useState('');
  const select = useRef<HTMLSelectElement>(null);
  useLayoutEffect(() => select.current?.focus(), []);
  const release = fitting.find((one) => one.target === target);
  return (
    <form
      class="inline"
      aria-label="Pin a release"
      onSubmit={(event) => {
        event.preventDefault();
        if (release !== undefined) onPin(release);
      }}
    >
      <select
        aria-label="Release to keep whatever is deployed"
        value={target}
        ref={select}
        onChange={(event) => setTarget(event.currentTarget.value)}
      >
        <option value="">keep, whatever is deployed…</option>
        {fitting.map((one) => (
          <option key={one.target} value={one.target}>
            {one.name} {one.version} {machineOf(one)}
          </option>
        ))}
      </select>
      <button type="submit" class="button solid primary" disabled={release === undefined}>
        Pin
      </button>
      <button type="button" class="button" onClick={onCancel}>
        Cancel
      </button>
    </form>
  );
}
