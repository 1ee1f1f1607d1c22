import type { Release } from '@nodeos/contracts/operator-api.ts';
import { useState } from 'preact/hooks';
import { api } from '../api.ts';
import type { Fleet } from '../fleet.ts';
import { Choice } from '../parts/choice.tsx';
import type { Notify } from '../parts/notices.tsx';
import { channelsOf, systemText } from '../releases.ts';
import { rolloutOf, WAVES, WAYS } from '../rollouts.ts';
import type { DeployPreset } from '../route.ts';
import { DeployPlan } from './deploy-plan.tsx';
import { isTyped, NOTHING_TYPED, type Typed, TypedDestination } from './typed-destination.tsx';

/** What a release asks of a device, after its name. */
function asks(release: Release): string {
  const { channel, minimumSystem } = release.custom;
  return `${channel === undefined ? '' : `, channel ${channel}`}${minimumSystem === undefined ? '' : `, system ${systemText(release)}`}`;
}

/** Which releases are offered: `any`, `all` (those for all devices), or `channel:<name>`. */
const offeredIn = (choice: string, release: Release): boolean =>
  choice === 'any' || choice === (release.custom.channel === undefined ? 'all' : `channel:${release.custom.channel}`);

/** One published release to a tag, a group, a device or the devices of a query. */
export function DeployForm({ fleet, begin, notify }: { fleet: Fleet; begin: DeployPreset; notify: Notify }) {
  const tags = [...new Set(fleet.overview.tags.map(({ tag }) => tag))];
  const destinations = [
    ...tags.map((tag) => ({ value: `tag:${tag}`, label: `tag ${tag}`, to: { tag } })),
    ...fleet.groups.map(({ name }) => ({ value: `group:${name}`, label: `group ${name}`, to: { group: name } })),
  ];
  const tagOf = (of: string | undefined): string => {
    const value = `tag:${of}`;
    return destinations.some((one) => one.value === value) ? value : '';
  };
  const [channel, setChannel] = useState('any');
  const [target, setTarget] = useState(begin.release ?? '');
  const [kind = '', named = ''] = /^(device|query):(.*)$/s.exec(begin.to ?? '')?.slice(1) ?? [];
  const [destination, setDestination] = useState(
    () => kind || (begin.to ?? tagOf(fleet.releases.find((one) => one.target === begin.release)?.custom.channel)),
  );
  const [waves, setWaves] = useState<keyof typeof WAVES>('all');
  const [way, setWay] = useState<keyof typeof WAYS>('update');
  const rollout = rolloutOf(waves, way);
  const [typed, setTyped] = useState<Typed>({ ...NOTHING_TYPED, text: named });
  if (fleet.releases.length === 0 || fleet.overview.devices.active === 0) return null;
  const channels = channelsOf(fleet.releases);
  const offered = fleet.releases.filter((one) => offeredIn(channel, one));
  const release = offered.find((one) => one.target === target);
  const chosen =
    (isTyped(destination) ? typed.destination : destinations.find(({ value }) => value === destination)) ?? null;
  const deploy = (event: Event): void => {
    event.preventDefault();
    if (release === undefined || chosen === null) return;
    // One press is one deployment: the next one is chosen anew.
    setDestination('');
    setTyped(NOTHING_TYPED);
    setWay('update');
    api
      .deploy(release.target, chosen.to, rollout)
      .then(() => notify.done(`${release.name} ${release.version} goes to ${chosen.label}`), notify.error);
  };
  // The devices with a channel's tag are those that its releases are for.
  const lead = (of: string | undefined): void => {
    if (of !== undefined && tagOf(of) !== '') setDestination(tagOf(of));
  };
  return (
    <form class="deploy" onSubmit={deploy} aria-label="New deployment">
      {channels.length > 0 && (
        <label>
          <span>Channel</span>
          <select
            value={channel}
            onChange={(event) => {
              const { value } = event.currentTarget;
              setChannel(value);
              if (value.startsWith('channel:')) lead(value.slice('channel:'.length));
            }}
          >
            <option value="any">any</option>
            <option value="all">all devices</option>
            {channels.map((one) => (
              <option key={one} value={`channel:${one}`}>
                {one}
              </option>
            ))}
          </select>
        </label>
      )}
      <label>
        <span>Release</span>
        <select
          value={release?.target ?? ''}
          onChange={(event) => {
            const { value } = event.currentTarget;
            setTarget(value);
            if (destination === '') lead(fleet.releases.find((one) => one.target === value)?.custom.channel);
          }}
        >
          <option value="">choose…</option>
          {offered.map((one) => (
            <option key={one.target} value={one.target}>
              {one.name} {one.version}
              {asks(one)}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>to</span>
        <select
          value={isTyped(destination) ? destination : (chosen?.value ?? '')}
          onChange={(event) => {
            setTyped(NOTHING_TYPED);
            setDestination(event.currentTarget.value);
          }}
        >
          <option value="">choose…</option>
          {destinations.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
          <option value="device">one device…</option>
          <option value="query">devices by a query…</option>
        </select>
      </label>
      {isTyped(destination) && <TypedDestination kind={destination} typed={typed} onTyped={setTyped} />}
      <Choice label="in waves" choices={WAVES} value={waves} onChoice={setWaves} />
      <Choice label="each one" choices={WAYS} value={way} onChoice={setWay} />
      <button type="submit" class="button solid primary" disabled={release === undefined || chosen === null}>
        Deploy
      </button>
      {release !== undefined && chosen !== null && (
        <DeployPlan
          key={`${release.target} ${chosen.value} ${waves} ${way} ${release.custom.channel}`}
          release={release}
          to={chosen.to}
          rollout={rollout}
        />
      )}
    </form>
  );
}
