import type { DeviceOrder } from '@nodeos/contracts/device-list.ts';
import { useEffect, useRef, useState } from 'preact/hooks';
import { chipsOf, readSearch } from '../device-search.ts';
import type { Fleet } from '../fleet.ts';
import { FilterChips } from '../parts/filter-chips.tsx';
import { Icon } from '../parts/icon.tsx';
import type { Notify } from '../parts/notices.tsx';
import { Command } from '../parts/small.tsx';
import type { DevicePreset } from '../route.ts';
import { useDevicePages } from '../use-device-pages.ts';
import { useLate } from '../use-late.ts';
import { useVisibleRows } from '../use-visible-rows.ts';
import { DeviceActions } from './device-actions.tsx';
import { NO_SELECTION } from './device-selection.ts';
import { DeviceTable } from './device-table.tsx';
import { NoDevices } from './no-devices.tsx';
import { RunningDeployments } from './running-deployments.tsx';

const TYPING_MS = 200;

interface DevicesProps {
  readonly fleet: Fleet;
  readonly selected: string | null;
  readonly preset: DevicePreset;
  readonly notify: Notify;
}

/** All devices: looked through by words or by a query, and acted on together. */
export function DevicesPage({ fleet, selected, preset, notify }: DevicesProps) {
  const [chosen, setChosen] = useState('All');
  const [text, setText] = useState('');
  const [order, setOrder] = useState<DeviceOrder>('attention');
  const [selection, setSelection] = useState(NO_SELECTION);
  const chips = chipsOf(fleet.overview);
  useEffect(() => {
    const { status, find } = preset;
    if (status === undefined && find === undefined) return;
    setChosen(chips.find(({ search }) => search.status === status)?.name ?? 'All');
    setText(find ?? '');
  }, [preset.status, preset.find]);
  // What other devices are chosen from is not what was chosen.
  useEffect(() => setSelection(NO_SELECTION), [chosen, text]);

  const find = useLate(text, TYPING_MS);
  const body = useRef<HTMLTableSectionElement>(null);
  const [total, setTotal] = useState(0);
  const range = useVisibleRows(body, total);
  const filter = { ...chips.find(({ name }) => name === chosen)?.search, ...readSearch(find) };
  const pages = useDevicePages({ ...filter, order }, fleet.turn, range);
  useEffect(() => setTotal(pages.total ?? 0), [pages.total]);
  if (fleet.overview.devices.total === 0) return <NoDevices />;
  const mayAct = fleet.me.scopes.includes('devices');
  return (
    <section aria-labelledby="devices-title">
      <div class="page-head">
        <h1 id="devices-title">Devices</h1>
        <FilterChips
          filters={chips.filter(({ name, count }) => count > 0 || name === 'All' || name === chosen)}
          chosen={chosen}
          onChoose={setChosen}
        />
        <SearchField text={text} onText={setText} wrong={pages.error !== null} />
      </div>
      {pages.error !== null && (
        <p class="search-fault" id="search-fault" role="status">
          {pages.error.message}. <span>{pages.error.hint}</span>
        </p>
      )}
      <RunningDeployments deployments={fleet.deployments} />
      {mayAct && (
        <DeviceActions
          selection={selection}
          filter={filter}
          total={pages.total ?? 0}
          mayDeploy={fleet.me.scopes.includes('deploy')}
          onClear={() => setSelection(NO_SELECTION)}
          notify={notify}
        />
      )}
      {pages.total === 0 ? (
        <p class="nothing">
          No device fits. The same list in a terminal: <Command text="nodeos devices list" />
        </p>
      ) : (
        <DeviceTable
          body={body}
          pages={pages}
          range={range}
          order={order}
          onOrder={setOrder}
          selected={selected}
          selection={mayAct ? selection : null}
          onSelect={setSelection}
          notify={notify}
        />
      )}
    </section>
  );
}

function SearchField({ text, onText, wrong }: { text: string; onText: (text: string) => void; wrong: boolean }) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const focus = (event: KeyboardEvent): void => {
      const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
      if (event.key !== '/' || typing || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      field.current?.focus();
    };
    addEventListener('keydown', focus);
    return () => removeEventListener('keydown', focus);
  }, []);
  return (
    <div class="search">
      <Icon name="search" />
      <input
        ref={field}
        type="search"
        placeholder="Name, tag, version … or a query"
        aria-label="Search devices"
        aria-keyshortcuts="/"
        aria-invalid={wrong}
        aria-describedby={wrong ? 'search-fault' : undefined}
        spellcheck={false}
        maxLength={1000}
        value={text}
        onInput={(event) => onText(event.currentTarget.value)}
      />
      <kbd>/</kbd>
    </div>
  );
}
