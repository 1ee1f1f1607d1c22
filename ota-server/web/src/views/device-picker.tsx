import { useState } from 'preact/hooks';
import { api } from '../api.ts';
import { Icon } from '../parts/icon.tsx';
import { useLate } from '../use-late.ts';
import { useLoad } from '../use-load.ts';

const FOUND_SHOWN = 6;
const CHOSEN_SHOWN = 50;
const TYPING_MS = 200;

/** Devices chosen by their names; `chosen` and what is told are ids, `known` the names of some. */
export function DevicePicker({
  known,
  chosen,
  onChange,
}: {
  known: ReadonlyMap<string, string>;
  chosen: readonly string[];
  onChange: (ids: string[]) => void;
}) {
  const [text, setText] = useState('');
  const [names, setNames] = useState(known);
  const wanted = text.trim();
  const search = useLate(wanted, TYPING_MS);
  // Some more than are shown: some may be chosen already.
  const limit = FOUND_SHOWN + chosen.length;
  const { value, error } = useLoad(
    async () => (search === '' ? null : { search, ...(await api.devices({ search, order: 'name', limit })) }),
    [search, limit],
  );
  const add = ({ id, name }: { id: string; name: string }): void => {
    setNames(new Map([...names, [id, name]]));
    onChange([...chosen, id]);
    setText('');
  };
  // Who types faster than the list comes means what it will show: what stands in the field may not be drawn yet.
  const takeFirst = (typed: string): void => {
    if (typed === '') return;
    api.devices({ search: typed, order: 'name', limit }).then(
      ({ devices }) => {
        const first = devices.find(({ id }) => !chosen.includes(id));
        if (first !== undefined) add(first);
      },
      () => undefined,
    );
  };
  const settled = wanted !== '' && value?.search === wanted;
  const found = settled ? value.devices.filter(({ id }) => !chosen.includes(id)) : [];
  return (
    <div class="part">
      <label for="group-device">Named devices</label>
      <div class="tags">
        {chosen.slice(0, CHOSEN_SHOWN).map((id) => (
          <span key={id} class="tag">
            {names.get(id) ?? id}
            <button
              type="button"
              class="icon-button"
              aria-label={`Do not name ${names.get(id) ?? id}`}
              onClick={() => onChange(chosen.filter((one) => one !== id))}
            >
              <Icon name="close" />
            </button>
          </span>
        ))}
        {chosen.length > CHOSEN_SHOWN && <span class="faint">and {chosen.length - CHOSEN_SHOWN} more</span>}
      </div>
      <input
        id="group-device"
        class="field"
        type="search"
        autocomplete="off"
        spellcheck={false}
        placeholder="Find by name, id or tag"
        value={text}
        aria-describedby="group-device-says"
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter') return;
          // Not the whole form: here Enter takes the first one.
          event.preventDefault();
          takeFirst(event.currentTarget.value.trim());
        }}
      />
      {found.length > 0 && (
        <ul class="found" aria-label="Devices found">
          {found.slice(0, FOUND_SHOWN).map(({ id, name }) => (
            <li key={id}>
              <button type="button" onClick={() => add({ id, name })}>
                {name} <code class="faint">{id.slice(0, 8)}</code>
              </button>
            </li>
          ))}
        </ul>
      )}
      <p id="group-device-says" class="faint" role="status">
        {wanted === '' && 'They belong to the group whatever the query says.'}
        {error?.message}
        {settled && found.length === 0 && 'No other device has this in its name.'}
        {settled && value.total > value.devices.length && `and ${value.total - value.devices.length} more`}
      </p>
    </div>
  );
}
