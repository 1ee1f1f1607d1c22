import type { AuditEntry } from '@nodeos/contracts/audit.ts';
import { useEffect, useState } from 'preact/hooks';
import { api } from '../api.ts';
import { List } from '../parts/list.tsx';
import type { Notify } from '../parts/notices.tsx';
import { Badge } from '../parts/small.tsx';
import { timeText } from '../words.ts';

const PAGE = 100;
const TONES = { accepted: 'good', refused: 'bad', failed: 'bad' } as const;

/** Who did what, when and from where, newest first. */
export function AuditPage({ notify }: { notify: Notify }) {
  const [actor, setActor] = useState('');
  const [entries, setEntries] = useState<readonly AuditEntry[] | null>(null);
  const [more, setMore] = useState(false);
  const [verdict, setVerdict] = useState<string | null>(null);
  const load = (before: number | null): void => {
    api.audit({ limit: PAGE, before, actor: actor.trim() }).then((page) => {
      setEntries((now) => (before === null ? page.entries : [...(now ?? []), ...page.entries]));
      setMore(page.entries.length === PAGE);
    }, notify.error);
  };
  useEffect(() => {
    const timer = setTimeout(() => load(null), 200);
    return () => clearTimeout(timer);
  }, [actor]);
  const check = (): void => {
    api
      .checkAudit()
      .then(
        ({ entries: count, fault }) =>
          setVerdict(fault === null ? `The chain is whole: ${count} entries.` : `The log is not whole: ${fault}.`),
        notify.error,
      );
  };
  return (
    <section aria-labelledby="audit-title">
      <div class="page-head">
        <h1 id="audit-title">Audit log</h1>
        <button type="button" class="button" onClick={check}>
          Check the chain
        </button>
        <span role="status">{verdict}</span>
        <input
          class="field end"
          type="search"
          aria-label="Only by"
          placeholder="Only by…"
          value={actor}
          onInput={(event) => setActor(event.currentTarget.value)}
        />
      </div>
      <List
        label="Audit log"
        columns={['Time', 'Who', 'From', 'What', 'Outcome', 'Details']}
        empty={actor === '' ? 'Nothing has happened yet.' : 'Nobody of this name did anything.'}
        count={entries?.length ?? 1}
      >
        {entries?.map((entry) => (
          <tr key={entry.sequence} data-entry={entry.sequence}>
            <td class="number nowrap">{timeText(entry.at)}</td>
            <th scope="row">{entry.actor}</th>
            <td>{entry.address}</td>
            <td>
              <code>
                {entry.action.split(' ')[0]} {entry.target}
              </code>
            </td>
            <td>
              <Badge tone={TONES[entry.outcome]}>{entry.outcome}</Badge>
            </td>
            <td class="details">{entry.details}</td>
          </tr>
        ))}
      </List>
      {more && (
        <button type="button" class="button more" onClick={() => load(entries?.at(-1)?.sequence ?? null)}>
          Show older ones
        </button>
      )}
    </section>
  );
}
