import { useState } from 'preact/hooks';
import { api } from '../api.ts';
import { Block } from '../parts/block.tsx';
import { Field } from '../parts/field.tsx';
import { List } from '../parts/list.tsx';
import type { Notify } from '../parts/notices.tsx';
import { Ago } from '../parts/small.tsx';
import { useLoad } from '../use-load.ts';

/** One's own password and sessions. */
export function OwnAccount({ notify }: { notify: Notify }) {
  const { value: sessions, reload } = useLoad(api.sessions);
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const change = (event: Event): void => {
    event.preventDefault();
    api.changePassword(current, next).then(() => {
      setCurrent('');
      setNext('');
      notify.done('Your password is changed; other sessions have ended');
      reload();
    }, notify.error);
  };
  return (
    <Block
      id="account-title"
      title="Your account"
      action={
        <form class="inline" onSubmit={change} aria-label="Change your password">
          <Field
            label="Current password"
            hint="Current password"
            type="password"
            autocomplete="current-password"
            required
            value={current}
            onChange={setCurrent}
          />
          <Field
            label="New password, at least 10 characters"
            hint="New password"
            type="password"
            autocomplete="new-password"
            minLength={10}
            required
            value={next}
            onChange={setNext}
          />
          <button type="submit" class="button">
            Change
          </button>
        </form>
      }
    >
      <List
        label="Your sessions"
        columns={['Session', 'From', 'Since', 'Actions']}
        empty=""
        count={sessions?.length ?? 1}
      >
        {sessions?.map((session) => (
          <tr key={session.id}>
            <th scope="row">{session.current ? 'This one' : session.id}</th>
            <td>{session.address}</td>
            <td>
              <Ago at={session.createdAt} />
            </td>
            <td>
              {!session.current && (
                <button
                  type="button"
                  class="button"
                  onClick={() => api.endSession(session.id).then(reload, notify.error)}
                >
                  End
                </button>
              )}
            </td>
          </tr>
        ))}
      </List>
    </Block>
  );
}
