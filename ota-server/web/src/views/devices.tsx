import type { DeviceSummary } from '@nodeos/contracts/operator-api.ts';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Fleet } from '../fleet.ts';
import { FilterChips } from '../parts/filter-chips.tsx';
import { Icon } from '../parts/icon.tsx';
import type { Notify } from '../parts/notices.tsx';
import { Command, Empty } from '../parts/small.tsx';
import { underWay } from '../words.ts';
import { DeviceRow } from './device-row.tsx';
import { RunningDeployments } from './running-deployments.tsx';

interface Filter {
  readonly name: string;
  readonly fits: (device: DeviceSummary) => boolean;
}
const FILTERS: readonly Filter[] = [
  { name: 'All', fits: () => true },
  { name: 'Online', fits: (device) => device.online },
  { name: 'Offline', fits: (device) => !device.online && device.state === 'active' },
  { name: 'Updating', fits: (device) => underWay(device.update) },
  { name: 'Failed', fits: (device) => device.update?.state === 'failed' },
  { name: 'To approve', fits: (device) => device.state === 'pending' },
];
const ROWS_AT_ONCE = 200;

export function DevicesPage({ fleet, selected, notify }: { fleet: Fleet; selected: string | null; notify: Notify }) {
  const [filterName, setFilterName] = useState('All');
  const [text, setText] = useState('');
  const [limit, setLimit] = useState(ROWS_AT_ONCE);
  const search = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const focusSearch = (event: KeyboardEvent): void => {
      const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
      if (event.key !== '/' || typing || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      search.current?.focus();
    };
    addEventListener('keydown', focusSearch);
    return () => removeEventListener('keydown', focusSearch);
  }, []);

  const filter = FILTERS.find(({ name }) => name === filterName) ?? (FILTERS[0] as Filter);
  const shown = useMemo(
    () => fleet.devices.filter((device) => filter.fits(device) && mentions(device, text)).sort(byAttention),
    [fleet.devices, filter, text],
  );
  if (fleet.devices.length === 0)
    return (
      <Empty
        title="No devices yet"
        commands={[
          ['Make the keys that sign your releases, once', 'nodeos keys init --dir keys'],
          [
            'Write the file that leads devices to this server',
            'nodeos fleet-file create --out fleet.json --auto-approve',
          ],
          ['Build an image for a stick or a virtual machine', 'nodeos build --keys keys --fleet fleet.json'],
        ]}
      >
        A device shows up here by itself as soon as it boots an image with this server’s fleet file.
      </Empty>
    );

  const filters = FILTERS.map(({ name, fits }) => ({ name, count: fleet.devices.filter(fits).length })).filter(
    ({ name, count }) => count > 0 || name === 'All' || name === filterName,
  );
  return (
    <section aria-labelledby="devices-title">
      <div class="page-head">
        <h1 id="devices-title">Devices</h1>
        <FilterChips filters={filters} chosen={filterName} onChoose={setFilterName} />
        <div class="search">
          <Icon name="search" />
          <input
            ref={search}
            type="search"
            placeholder="Name, id, tag, board, version"
            aria-label="Search devices"
            aria-keyshortcuts="/"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <kbd>/</kbd>
        </div>
      </div>
      <RunningDeployments deployments={fleet.deployments} />
      {shown.length === 0 ? (
        <p class="nothing">
          No device fits. The same list in a terminal: <Command text="nodeos devices list" />
        </p>
      ) : (
        <div class="table-frame">
          <table class="devices">
            <thead>
              <tr>
                <th scope="col">Device</th>
                <th scope="col">System</th>
                <th scope="col">Apps</th>
                <th scope="col">Update</th>
                <th scope="col" class="end">
                  Last seen
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.slice(0, limit).map((device) => (
                <DeviceRow key={device.id} device={device} selected={device.id === selected} notify={notify} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {shown.length > limit && (
        <button type="button" class="button more" onClick={() => setLimit((now) => now + ROWS_AT_ONCE)}>
          Show {Math.min(ROWS_AT_ONCE, shown.length - limit)} more of {shown.length}
        </button>
      )}
    </section>
  );
}

function mentions(device: DeviceSummary, text: string): boolean {
  const apps = Object.entries(device.apps).map(([name, { version }]) => `${name} ${version}`);
  const all = [device.name, device.id, device.board, device.systemVersion, ...device.tags, ...apps]
    .join(' ')
    .toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

/** Those that wait for a person stand first, those that are revoked last; between them by name. */
function byAttention(a: DeviceSummary, b: DeviceSummary): number {
  const rank = { pending: 0, active: 1, revoked: 2 } as const;
  return rank[a.state] - rank[b.state] || a.name.localeCompare(b.name, 'en', { numeric: true });
}
