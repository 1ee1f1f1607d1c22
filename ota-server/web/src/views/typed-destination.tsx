import type { Destination } from '@nodeos/contracts/operator-api.ts';
import { useEffect } from 'preact/hooks';
import { api } from '../api.ts';
import { useLate } from '../use-late.ts';
import { useLoad } from '../use-load.ts';
import { devicesText } from '../words.ts';

/** Where a deployment goes, as somebody types it: too many devices for a list to choose from. */
export interface Typed {
  readonly text: string;
  /** Null while what stands there names nothing. */
  readonly destination: { readonly value: string; readonly label: string; readonly to: Destination } | null;
}
export const NOTHING_TYPED: Typed = { text: '', destination: null };
type Kind = 'device' | 'query';
export const isTyped = (value: string): value is Kind => value === 'device' || value === 'query';

const OFFERED = 20;
const TYPING_MS = 200;
const FIELDS = {
  device: { label: 'Device', hint: 'Name, id or serial number' },
  query: { label: 'Query', hint: 'board = raspberrypi4 and tag:kiosk' },
} as const;

interface TypedProps {
  readonly kind: Kind;
  readonly typed: Typed;
  readonly onTyped: (typed: Typed) => void;
}

export function TypedDestination({ kind, typed, onTyped }: TypedProps) {
  const text = useLate(typed.text.trim(), TYPING_MS);
  const search = kind === 'query' ? { query: text } : { search: text };
  const { value, error } = useLoad(
    async () => (text === '' ? null : api.devices({ ...search, state: 'active', limit: OFFERED })),
    [kind, text],
  );
  const devices = kind === 'device' ? (value?.devices ?? []) : [];
  const device = devices.find(({ id, name, serial }) => [id, name, serial].includes(text)) ?? null;
  const query = kind === 'query' && error === null && value !== null && text !== '' ? text : null;
  const settled = typed.text.trim() === text;
  useEffect(() => {
    if (!settled) return;
    if (device !== null)
      onTyped({ ...typed, destination: { value: device.id, label: device.name, to: { device: device.id } } });
    else if (query !== null) onTyped({ ...typed, destination: { value: query, label: query, to: { query } } });
  }, [device?.id, query, settled]);
  const { label, hint } = FIELDS[kind];
  return (
    <div class="typed">
      <label>
        <span>{label}</span>
        <input
          class="field"
          list="destination-devices"
          placeholder={hint}
          spellcheck={false}
          autocomplete="off"
          maxLength={1000}
          aria-describedby="destination-says"
          aria-invalid={error !== null}
          value={typed.text}
          onInput={(event) => onTyped({ text: event.currentTarget.value, destination: null })}
        />
      </label>
      <datalist id="destination-devices">
        {devices.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </datalist>
      <span id="destination-says" role="status" class={error === null ? 'faint' : 'field-error'}>
        {error?.message}
        {error === null && query !== null && `${devicesText(value?.total ?? 0)} now`}
        {error === null && kind === 'device' && value !== null && device === null && 'Choose one of those offered.'}
        {device?.name}
      </span>
    </div>
  );
}
