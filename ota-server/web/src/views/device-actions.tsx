import type { DeviceAction, DeviceActionAnswer, DeviceFilter } from '@nodeos/contracts/device-list.ts';
import { useState } from 'preact/hooks';
import { api } from '../api.ts';
import type { Notify } from '../parts/notices.tsx';
import { ConfirmButton } from '../parts/small.tsx';
import { deployToHref } from '../route.ts';
import { devicesText } from '../words.ts';
import type { Selection } from './device-selection.ts';

interface ActionsProps {
  readonly selection: Selection;
  readonly filter: DeviceFilter;
  /** How many fit the filter, as the person sees it. */
  readonly total: number;
  readonly mayDeploy: boolean;
  readonly onClear: () => void;
  readonly notify: Notify;
}
const SHOWN_FAILURES = 5;

/** What can be done to all devices that are chosen, and what of it could not be. */
export function DeviceActions({ selection, filter, total, mayDeploy, onClear, notify }: ActionsProps) {
  const [tag, setTag] = useState('');
  const [failed, setFailed] = useState<DeviceActionAnswer['failed']>([]);
  const count = selection.all ? total : selection.ids.size;
  const run = (action: DeviceAction, done: string): void => {
    const to = selection.all ? { filter, count: total } : { devices: [...selection.ids] };
    api.actOnDevices({ action, to }).then((answer) => {
      if (answer.done > 0) notify.done(`${done} ${devicesText(answer.done)}`);
      setFailed(answer.failed);
      if (answer.failed.length === 0) onClear();
    }, notify.error);
  };
  const tagging = (kind: 'add-tag' | 'remove-tag', done: string): void => {
    if (tag.trim() === '') return;
    run({ kind, tag: tag.trim() }, done);
    setTag('');
  };
  const failures = failed.length > 0 && (
    <div class="failures" role="alert">
      <p>
        <strong>{devicesText(failed.length)} could not:</strong>
        <button type="button" class="button" onClick={() => setFailed([])}>
          Dismiss
        </button>
      </p>
      <ul>
        {failed.slice(0, SHOWN_FAILURES).map(({ id, code, message }) => (
          <li key={id}>
            <code>{code}</code> {message}
          </li>
        ))}
        {failed.length > SHOWN_FAILURES && <li>and {failed.length - SHOWN_FAILURES} more</li>}
      </ul>
    </div>
  );
  if (count === 0) return failures || null;
  const them = devicesText(count);
  return (
    <>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset would not sit in a row of buttons */}
      <div class="bulk" role="group" aria-label="Act on the selected devices">
        <strong role="status">{them} selected</strong>
        <form
          class="inline"
          aria-label="Tag the selected devices"
          onSubmit={(event) => {
            event.preventDefault();
            tagging('add-tag', 'Tagged');
          }}
        >
          <input
            class="field"
            aria-label="Tag for the selected devices"
            placeholder="Tag"
            maxLength={64}
            value={tag}
            onInput={(event) => setTag(event.currentTarget.value)}
          />
          <button type="submit" class="button" disabled={tag.trim() === ''}>
            Add tag
          </button>
          <button
            type="button"
            class="button"
            disabled={tag.trim() === ''}
            onClick={() => tagging('remove-tag', 'Took the tag off')}
          >
            Remove tag
          </button>
        </form>
        {mayDeploy && selection.all && filter.query !== undefined && filter.status === undefined && (
          <a class="button" href={deployToHref(`query:${filter.query}`)}>
            Deploy to them
          </a>
        )}
        <ConfirmButton
          label="Approve"
          question={`Let ${them} in?`}
          onConfirm={() => run({ kind: 'approve' }, 'Approved')}
        />
        <ConfirmButton
          label="Reboot"
          question={`Reboot ${them} now?`}
          onConfirm={() => run({ kind: 'reboot' }, 'Told to reboot:')}
        />
        <ConfirmButton
          label="Revoke"
          tone="bad"
          question={`Shut ${them} out for good?`}
          onConfirm={() => run({ kind: 'revoke' }, 'Revoked')}
        />
        <button type="button" class="button quiet" onClick={onClear}>
          Clear
        </button>
      </div>
      {failures}
    </>
  );
}
