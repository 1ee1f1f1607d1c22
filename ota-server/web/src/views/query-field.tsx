import type { DeviceSummary } from '@nodeos/contracts/operator-api.ts';
import { useEffect, useState } from 'preact/hooks';
import { ApiError, api } from '../api.ts';
import { devicesText } from '../groups.ts';

const PAUSE_MS = 250;
const NAMES_SHOWN = 4;

export interface QueryPreview {
  /** What it tells of; older than what is typed while that is being asked. */
  readonly query: string;
  readonly devices: readonly DeviceSummary[] | null;
  readonly fault: ApiError | null;
}

/** Which devices fit a query now, asked when typing pauses. */
export function useQueryPreview(query: string): QueryPreview {
  const [preview, setPreview] = useState<QueryPreview>({ query: '', devices: null, fault: null });
  useEffect(() => {
    if (query === '') return setPreview({ query, devices: null, fault: null });
    let stale = false;
    const show = (found: Omit<QueryPreview, 'query'>): void => {
      if (!stale) setPreview({ query, ...found });
    };
    const timer = setTimeout(() => {
      api.devicesFitting(query).then(
        (devices) => show({ devices, fault: null }),
        (cause) =>
          show({
            devices: null,
            fault: cause instanceof ApiError ? cause : new ApiError('INTERNAL', String(cause), ''),
          }),
      );
    }, PAUSE_MS);
    return () => {
      stale = true;
      clearTimeout(timer);
    };
  }, [query]);
  return preview;
}

/** A question about devices, and how many it holds for; one that cannot be read is answered with the column at fault. */
export function QueryField({
  query,
  preview: { query: asked, devices, fault },
  onChange,
}: {
  query: string;
  preview: QueryPreview;
  onChange: (query: string) => void;
}) {
  return (
    <div class="part">
      <label for="group-query">Query</label>
      <textarea
        id="group-query"
        class="field"
        rows={2}
        maxLength={1000}
        spellcheck={false}
        placeholder="tag:kiosk and system < 2.1.0"
        value={query}
        aria-invalid={fault !== null}
        aria-describedby="group-query-says"
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      <p
        id="group-query-says"
        role="status"
        class={fault === null ? 'faint' : 'field-error'}
        aria-busy={asked !== query.trimEnd()}
      >
        {asked === '' && 'Without one, the group holds the named devices only.'}
        {fault !== null && columnFirst(fault.message)}
        {devices !== null && fitText(devices)}
      </p>
    </div>
  );
}

/** `query, column 5: …` stands below the query already. */
const columnFirst = (message: string): string => message.replace(/^query, column/, 'Column');

function fitText(devices: readonly DeviceSummary[]): string {
  if (devices.length === 0) return 'No device fits now.';
  const names = devices.slice(0, NAMES_SHOWN).map(({ name }) => name);
  const more = devices.length > names.length ? ', …' : '';
  return `${devicesText(devices.length)} ${devices.length === 1 ? 'fits' : 'fit'}: ${names.join(', ')}${more}`;
}
