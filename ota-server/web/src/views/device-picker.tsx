import type { DeviceSummary } from '@nodeos/contracts/operator-api.ts';
import { useState } from 'preact/hooks';
import { Icon } from '../parts/icon.tsx';

const FOUND_SHOWN = 6;
const CHOSEN_SHOWN = 50;

/** Devices chosen by their names; `chosen` and what is told are ids. */
export function DevicePicker({
  devices,
  chosen,
  onChange,
}: {
  devices: readonly DeviceSummary[];
  chosen: readonly string[];
  onChange: (ids: string[]) => void;
}) {
  const [text, setText] = useState('');
  const names = new Map(devices.map(({ id, name }) => [id, name]));
  const wanted = text.trim().toLowerCase();
  const found =
    wanted === ''
      ? []
      : devices.filter(({ id, name }) => !chosen.includes(id) && `${name} ${id}`.toLowerCase().includes(wanted));
  const add = (id: string): void => {
    onChange([...chosen, id]);
    setText('');
  };
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
        placeholder="Find by name or id"
        value={text}
        aria-describedby="group-device-says"
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter') return;
          // Not the whole form: here Enter takes the first one.
          event.preventDefault();
          if (found[0] !== undefined) add(found[0].id);
        }}
      />
      {found.length > 0 && (
        <ul class="found" aria-label="Devices found">
          {found.slice(0, FOUND_SHOWN).map(({ id, name }) => (
            <li key={id}>
              <button type="button" onClick={() => add(id)}>
                {name} <code class="faint">{id.slice(0, 8)}</code>
              </button>
            </li>
          ))}
        </ul>
      )}
      <p id="group-device-says" class="faint" role="status">
        {wanted === '' && 'They belong to the group whatever the query says.'}
        {wanted !== '' && found.length === 0 && 'No device has this name.'}
        {found.length > FOUND_SHOWN && `and ${found.length - FOUND_SHOWN} more`}
      </p>
    </div>
  );
}
