import type { Identity, Role, User } from '@nodeos/contracts/access.ts';
import { useState } from 'preact/hooks';
import { api } from '../api.ts';
import { Block } from '../parts/block.tsx';
import { Choice, Field } from '../parts/field.tsx';
import { Fault, List } from '../parts/list.tsx';
import type { Notify } from '../parts/notices.tsx';
import { Ago, Command, ConfirmButton } from '../parts/small.tsx';
import { useLoad } from '../use-load.ts';
import { ApiTokens } from './api-tokens.tsx';
import { OwnAccount } from './own-account.tsx';
import { Webhooks } from './webhooks.tsx';

const ROLES = (['viewer', 'developer', 'operator', 'admin'] as const).map((role) => [role, role] as const);

export function PeoplePage({ me, notify }: { me: Identity; notify: Notify }) {
  return (
    <section aria-labelledby="people-title">
      <div class="page-head">
        <h1 id="people-title">People</h1>
        <span class="faint">
          You are {me.name}, {me.role} of {me.fleet}.
        </span>
      </div>
      {me.scopes.includes('people') && <Users me={me} notify={notify} />}
      <ApiTokens me={me} notify={notify} />
      {me.scopes.includes('webhooks') && <Webhooks notify={notify} />}
      {me.kind === 'user' && <OwnAccount notify={notify} />}
    </section>
  );
}

/** Characters that are not mistaken for each other when read aloud. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';
function makePassword(): string {
  const octets = crypto.getRandomValues(new Uint8Array(20));
  return [...octets].map((octet) => ALPHABET[octet % ALPHABET.length]).join('');
}

function Users({ me, notify }: { me: Identity; notify: Notify }) {
  const { value: users, error, reload } = useLoad(api.users);
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('operator');
  const [busy, setBusy] = useState(false);
  const [made, setMade] = useState<{ name: string; password: string } | null>(null);
  const done = (title: string): void => {
    notify.done(title);
    reload();
  };
  const add = (event: Event): void => {
    event.preventDefault();
    const password = makePassword();
    setBusy(true);
    api
      .addUser({ name: name.trim(), role, password })
      .then((user) => {
        setMade({ name: user.name, password });
        setName('');
        done(`${user.name} may sign in`);
      }, notify.error)
      .finally(() => setBusy(false));
  };
  const renew = (user: User): void => {
    const password = makePassword();
    api.setPassword(user.name, password).then(() => {
      setMade({ name: user.name, password });
      done(`${user.name} has a new password`);
    }, notify.error);
  };
  return (
    <Block
      id="users-title"
      title="Users"
      action={
        <form class="inline" onSubmit={add} aria-label="Add a user">
          <Field label="Name" hint="Name" required autocomplete="off" value={name} onChange={setName} />
          <Choice label="Role" value={role} options={ROLES} onChange={setRole} />
          <button type="submit" class="button solid primary" disabled={busy || name.trim() === ''}>
            Add
          </button>
        </form>
      }
    >
      {made !== null && (
        <p class="made" role="status">
          The password of {made.name}, shown once: <Command text={made.password} />
        </p>
      )}
      <Fault error={error} />
      <List
        label="Users"
        columns={['Name', 'Role', 'Since', 'Actions']}
        empty="No users yet: the operator token is the only way in. Make a user for each person."
        count={users?.length ?? 1}
      >
        {users?.map((user) => (
          <tr key={user.name}>
            <th scope="row">
              {user.name} {user.server && <span class="tag">server</span>}
            </th>
            <td>
              <Choice
                label={`Role of ${user.name}`}
                value={user.role}
                options={ROLES}
                onChange={(next) => {
                  api.setRole(user.name, next).then(() => done(`${user.name} is ${next}`), notify.error);
                }}
              />
            </td>
            <td>
              <Ago at={user.createdAt} />
            </td>
            <td>
              <ConfirmButton label="New password" question={`Sign ${user.name} out?`} onConfirm={() => renew(user)} />{' '}
              {user.name !== me.name && (
                <ConfirmButton
                  label="Remove"
                  tone="bad"
                  question={`Take ${user.name} out of the fleet?`}
                  onConfirm={() => {
                    api.removeUser(user.name).then(() => done(`${user.name} is out of the fleet`), notify.error);
                  }}
                />
              )}
            </td>
          </tr>
        ))}
      </List>
    </Block>
  );
}
