import type { DeploymentRequest, Release } from '@nodeos/contracts/operator-api.ts';
import { useState } from 'preact/hooks';
import { api } from '../api.ts';
import type { Fleet } from '../fleet.ts';
import type { Notify } from '../parts/notices.tsx';

type Rollout = DeploymentRequest['rollout'];

const WAVES: Readonly<Record<string, { readonly label: string; readonly rollout: Rollout }>> = {
  all: { label: 'all at once', rollout: undefined },
  canary: {
    label: '5 first, then 25 %, then all',
    rollout: { waves: [{ devices: 5 }, { percent: 25 }], maxFailurePercent: 10, patienceSeconds: 3600 },
  },
  approved: {
    label: '5 first, each wave approved',
    rollout: { waves: [{ devices: 5 }], maxFailurePercent: 10, patienceSeconds: 3600, approval: 'waves' },
  },
};

/** What a release asks of a device, after its name. */
function asks({ custom: { channel, minimumSystem } }: Release): string {
  return `${channel === undefined ? '' : `, channel ${channel}`}${minimumSystem === undefined ? '' : `, system ${minimumSystem} or newer`}`;
}

/** One published release to a tag, a group or a device. */
export function DeployForm({ fleet, notify }: { fleet: Fleet; notify: Notify }) {
  const tags = [...new Set(fleet.devices.flatMap((device) => device.tags))].sort();
  const destinations = [
    ...tags.map((tag) => ({ value: `tag:${tag}`, label: `tag ${tag}`, to: { tag } })),
    ...fleet.groups.map(({ name }) => ({ value: `group:${name}`, label: `group ${name}`, to: { group: name } })),
    ...fleet.devices
      .filter(({ state }) => state === 'active')
      .map(({ id, name }) => ({ value: `device:${id}`, label: name, to: { device: id } })),
  ];
  const [target, setTarget] = useState('');
  const [destination, setDestination] = useState('');
  const [waves, setWaves] = useState('all');
  if (fleet.releases.length === 0 || destinations.length === 0) return null;
  const release = fleet.releases.find((one) => one.target === target);
  const chosen = destinations.find(({ value }) => value === destination);
  const deploy = (event: Event): void => {
    event.preventDefault();
    if (release === undefined || chosen === undefined) return;
    // One press is one deployment: the next one is chosen anew.
    setDestination('');
    api
      .deploy(release.target, chosen.to, WAVES[waves]?.rollout)
      .then(() => notify.done(`${release.name} ${release.version} goes to ${chosen.label}`), notify.error);
  };
  return (
    <form class="deploy" onSubmit={deploy} aria-label="New deployment">
      <label>
        <span>Release</span>
        <select value={release?.target ?? ''} onChange={(event) => setTarget(event.currentTarget.value)}>
          <option value="">choose…</option>
          {fleet.releases.map((one) => (
            <option key={one.target} value={one.target}>
              {one.name} {one.version}
              {asks(one)}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>to</span>
        <select value={chosen?.value ?? ''} onChange={(event) => setDestination(event.currentTarget.value)}>
          <option value="">choose…</option>
          {destinations.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>in waves</span>
        <select value={waves} onChange={(event) => setWaves(event.currentTarget.value)}>
          {Object.entries(WAVES).map(([value, { label }]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <button type="submit" class="button solid primary" disabled={release === undefined || chosen === undefined}>
        Deploy
      </button>
    </form>
  );
}
