import { useState } from 'preact/hooks';
import { api } from '../api.ts';
import type { Fleet } from '../fleet.ts';
import type { Notify } from '../parts/notices.tsx';

/** One published release to a tag or a device. */
export function DeployForm({ fleet, notify }: { fleet: Fleet; notify: Notify }) {
  const tags = [...new Set(fleet.devices.flatMap((device) => device.tags))].sort();
  const destinations = [
    ...tags.map((tag) => ({ value: `tag:${tag}`, label: `tag ${tag}` })),
    ...fleet.devices
      .filter(({ state }) => state === 'active')
      .map(({ id, name }) => ({ value: `device:${id}`, label: name })),
  ];
  const [target, setTarget] = useState('');
  const [destination, setDestination] = useState('');
  if (fleet.releases.length === 0 || destinations.length === 0) return null;
  const release = fleet.releases.find((one) => one.target === target);
  const chosen = destinations.find(({ value }) => value === destination);
  const deploy = (event: Event): void => {
    event.preventDefault();
    if (release === undefined || chosen === undefined) return;
    const id = chosen.value.slice(chosen.value.indexOf(':') + 1);
    // One press is one deployment: the next one is chosen anew.
    setDestination('');
    const to = chosen.value.startsWith('tag:') ? { tag: id } : { device: id };
    api
      .deploy(release.target, to)
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
      <button type="submit" class="button solid primary" disabled={release === undefined || chosen === undefined}>
        Deploy
      </button>
    </form>
  );
}
