import type { DeviceSummary } from '@nodeos/contracts/operator-api.ts';
import { useEffect, useState } from 'preact/hooks';
import { ApiError, api } from '../api.ts';
import { devicesText } from '../words.ts';

const PAUSE_MS = 250;
const NAMES_SHOWN = 4;

export interface QueryPreview {
  /** What it tells of; older than what is typed while that is being asked. */
  readonly query: string;
  readonly found: { readonly devices: readonly DeviceSummary[]; readonly total: number } | null;
  readonly fault: ApiError | null;
}

/** Which devices fit a query now, asked when typing pauses. */
export function useQueryPreview(query: string): QueryPreview {
  const [preview, setPreview] = useState<QueryPreview>({ query: '', found: null, fault: null });
  useEffect(() => {
    if (query === '') return setPreview({ query, found: null, fault: null });
    let stale = false;
    const show = (answer: Omit<QueryPreview, 'query'>): void => {
      if (!stale) setPreview({ query, ...answer });
    };
    const timer = setTimeout(() => {
      api.devices({ query, order: 'name', limit: NAMES_SHOWN }).then(
        (found) => show({ found, fault: null }),
        (cause) =>
          show({
            found: null,
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
  preview: { query: asked, found, fault },
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
        {found !== null && fitText(found)}
      </p>
    </div>
  );
}

/** `query, column 5: …` stands below the query already. */
const columnFirst = (message: string): string => message.replace(/^query, column/, 'Column');

function fitText({ devices, total }: NonNullable<QueryPreview['found']>): string {
  if (total === 0) return 'No device fits now.';
  const more = total > devices.length ? ', …' : '';
  return `${devicesText(total)} ${total === 1 ? 'fits' : 'fit'}: ${devices.map(({ name }) => name).join(', ')}${more}`;
}
