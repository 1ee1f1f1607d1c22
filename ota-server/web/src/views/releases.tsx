import type { Release } from '@nodeos/contracts/operator-api.ts';
import { useState } from 'preact/hooks';
import type { Fleet } from '../fleet.ts';
import { FilterChips } from '../parts/filter-chips.tsx';
import { Icon } from '../parts/icon.tsx';
import { List } from '../parts/list.tsx';
import { Ago, Channel, Empty } from '../parts/small.tsx';
import { bytesText, channelOf, channelsOf, machineOf, releaseIcon, runsOnText, systemText } from '../releases.ts';
import { deployHref, href } from '../route.ts';
import { ReleasePanel } from './release-panel.tsx';

export const PUBLISH_COMMANDS = [
  ['Pack an npm package for devices', 'nodeos bundle .'],
  ['Sign it with the release key and upload it', 'nodeos publish <bundle>.sqfs --keys keys'],
] as const;
const ALL = 'All';
const FOR_ALL = 'For all devices';

/** What is published, whom it is for, and where it runs. */
export function ReleasesPage({ fleet, selected }: { fleet: Fleet; selected: string | null }) {
  const [chosen, setChosen] = useState(ALL);
  if (fleet.releases.length === 0)
    return (
      <Empty
        title="Nothing published yet"
        commands={[
          ...PUBLISH_COMMANDS,
          ['Or first for the devices with one tag only', 'nodeos publish <bundle>.sqfs --keys keys --channel beta'],
        ]}
      >
        A release is an app or a system that your key has signed. It goes nowhere by itself: a deployment brings it to
        devices.
      </Empty>
    );
  const newestFirst = fleet.releases.toSorted((a, b) => b.publishedAt - a.publishedAt);
  const filters = [ALL, FOR_ALL, ...channelsOf(fleet.releases)].map((name) => {
    const found = newestFirst.filter(
      (release) => name === ALL || channelOf(release) === (name === FOR_ALL ? null : name),
    );
    return { name, found, count: found.length };
  });
  // The last release of a channel may have been promoted while the channel was shown.
  const filter = filters.find(({ name }) => name === chosen) ?? filters[0];
  const shown = filter?.found ?? [];
  const open = fleet.releases.find(({ target }) => target === selected);
  return (
    <section aria-labelledby="releases-title">
      <div class="page-head">
        <h1 id="releases-title">Releases</h1>
        <FilterChips filters={filters} chosen={filter?.name ?? ALL} onChoose={setChosen} />
      </div>
      <div class="releases">
        <List
          label="Releases"
          columns={['Release', 'For', 'Needs system', 'Runs on', 'Size', 'Published', 'Actions']}
          empty="No release fits."
          count={shown.length}
        >
          {shown.map((release) => (
            <ReleaseRow key={release.target} release={release} fleet={fleet} />
          ))}
        </List>
      </div>
      {open !== undefined && <ReleasePanel key={open.target} release={open} fleet={fleet} />}
    </section>
  );
}

function ReleaseRow({ release, fleet }: { release: Release; fleet: Fleet }) {
  const { target, name, version, bytes, publishedAt, custom } = release;
  const machine = machineOf(release);
  return (
    <tr data-release={target}>
      <th scope="row">
        <a class="what" href={href('releases', target)}>
          <Icon name={releaseIcon(release)} />
          <strong>{name}</strong> <span class="number">{version}</span>
        </a>
        {machine !== null && <span class="machine">{machine}</span>}
        {custom.notes !== '' && <p class="notes">{custom.notes}</p>}
      </th>
      <td data-label="For">
        <Channel of={channelOf(release)} />
      </td>
      <td data-label="Needs system" class={custom.minimumSystem === undefined ? 'faint' : 'number'}>
        {systemText(release)}
      </td>
      <td data-label="Runs on" class="number">
        {runsOnText(release, fleet.overview)}
      </td>
      <td data-label="Size" class="number nowrap">
        {bytesText(bytes)}
      </td>
      <td data-label="Published" class="nowrap">
        <Ago at={publishedAt} />
      </td>
      <td>
        <span class="line">
          {fleet.me.scopes.includes('deploy') && (
            <a class="button" href={deployHref(target)} aria-label={`Deploy ${name} ${version}`}>
              Deploy
            </a>
          )}
          {fleet.me.scopes.includes('publish') && custom.channel !== undefined && (
            <a class="button" href={href('releases', target)} aria-label={`Promote ${name} ${version}`}>
              Promote
            </a>
          )}
        </span>
      </td>
    </tr>
  );
}
