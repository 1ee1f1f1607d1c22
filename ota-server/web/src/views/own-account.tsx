import { useState } from 'preact/hooks';
import { api } from '../api.ts';
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
    <section class="block" aria-labelledby="account-title">
      <div class="block-head">
        <h2 id="account-title">Your account</h2>
        <form class="inline" onSubmit={change} aria-label="Change your password">
          <input
            type="password"
            aria-label="Current password"
            placeholder="Current password"
            autocomplete="current-password"
            required
            value={current}
            onInput={(event) => setCurrent(event.currentTarget.value)}
          />
          <input
            type="password"
            aria-label="New password, at least 10 characters"
            placeholder="New password"
            autocomplete="new-password"
            minLength={10}
            required
            value={next}
            onInput={(event) => setNext(event.currentTarget.value)}
          />
          <button type="submit" class="button">
            Change
          </button>
        </form>
      </div>
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
    </section>
  );
}
