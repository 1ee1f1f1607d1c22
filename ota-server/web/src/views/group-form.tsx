import type { Group } from '@nodeos/contracts/operator-api.ts';
import { groupNameSchema, type MaintenanceWindow } from '@nodeos/contracts/rollout.ts';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ApiError, api } from '../api.ts';
import type { Fleet } from '../fleet.ts';
import { DevicePicker } from './device-picker.tsx';
import { QueryField, useQueryPreview } from './query-field.tsx';
import { WindowFields } from './window-fields.tsx';

const NO_NAMES: ReadonlyMap<string, string> = new Map();

/** A new group, or where `group` is given a change of it. */
export function GroupForm({
  fleet,
  group,
  names = NO_NAMES,
  onSaved,
  onCancel,
}: {
  fleet: Fleet;
  group: Group | null;
  /** Of the devices in it. */
  names?: ReadonlyMap<string, string>;
  onSaved: (group: Group) => void;
  onCancel: () => void;
}) {
  const [name, setName] = useState(group?.name ?? '');
  const [query, setQuery] = useState(group?.query ?? '');
  const [devices, setDevices] = useState<readonly string[]>(group?.devices ?? []);
  const [window, setWindow] = useState<MaintenanceWindow | null>(group?.window ?? null);
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const preview = useQueryPreview(query.trimEnd());
  const form = useRef<HTMLFormElement>(null);
  useLayoutEffect(() => form.current?.querySelector<HTMLElement>('input, textarea')?.focus(), []);

  const problem = group === null ? problemOf(name, fleet.groups) : null;
  const save = (event: Event): void => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    api
      .setGroup(name, { query: query.trim() === '' ? null : query.trim(), devices: [...devices], window })
      .then(onSaved, (cause) => {
        setBusy(false);
        setError(cause instanceof ApiError ? cause : new ApiError('INTERNAL', String(cause), ''));
      });
  };
  return (
    <form class="group-form" aria-label={group === null ? 'Add a group' : `Edit ${name}`} onSubmit={save} ref={form}>
      {group === null && (
        <div class="part">
          <label for="group-name">Name</label>
          <input
            id="group-name"
            class="field"
            required
            autofocus
            maxLength={48}
            autocomplete="off"
            spellcheck={false}
            value={name}
            aria-invalid={problem !== null}
            aria-describedby="group-name-says"
            onInput={(event) => setName(event.currentTarget.value)}
          />
          <p id="group-name-says" role="status" class="field-error">
            {problem}
          </p>
        </div>
      )}
      <QueryField query={query} preview={preview} onChange={setQuery} />
      <DevicePicker known={names} chosen={devices} onChange={setDevices} />
      <WindowFields window={window} onChange={setWindow} />
      {error !== null && (
        <p class="field-error" role="alert">
          {error.message}. {error.hint}
        </p>
      )}
      <div class="actions">
        <button
          type="submit"
          class="button solid primary"
          disabled={busy || name === '' || problem !== null || preview.fault !== null}
        >
          {group === null ? 'Add' : 'Save'}
        </button>
        <button type="button" class="button" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </form>
  );
}

/** Why a new group cannot have this name; the server would change the group that has it. */
function problemOf(name: string, groups: readonly Group[]): string | null {
  if (name === '') return null;
  if (groups.some((one) => one.name === name)) return `There is a group ${name} already.`;
  if (groupNameSchema.safeParse(name).success) return null;
  return 'A name has lower-case letters, digits and dashes, no dash first, at most 48.';
}
