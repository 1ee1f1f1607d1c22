import type { Identity, Scope } from '@nodeos/contracts/access.ts';
import { useState } from 'preact/hooks';
import { api } from '../api.ts';
import { Block } from '../parts/block.tsx';
import { Choice, Field } from '../parts/field.tsx';
import { Fault, List } from '../parts/list.tsx';
import type { Notify } from '../parts/notices.tsx';
import { Ago, Command, ConfirmButton } from '../parts/small.tsx';
import { useLoad } from '../use-load.ts';
import { endAfter, endText } from '../words.ts';

const DAYS = [
  ['30', '30 days'],
  ['90', '90 days'],
  ['365', 'a year'],
  ['', 'without end'],
] as const;

/** Tokens for programs; the secret is shown once. */
export function ApiTokens({ me, notify }: { me: Identity; notify: Notify }) {
  const { value: tokens, error, reload } = useLoad(api.tokens);
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<readonly Scope[]>(['read']);
  const [days, setDays] = useState<(typeof DAYS)[number][0]>('30');
  const [secret, setSecret] = useState<string | null>(null);
  const add = (event: Event): void => {
    event.preventDefault();
    api.addToken({ name: name.trim(), scopes: [...scopes], expiresAt: endAfter(days) }).then((made) => {
      setSecret(made.token);
      setName('');
      reload();
    }, notify.error);
  };
  const toggle = (scope: Scope): void =>
    setScopes((now) => (now.includes(scope) ? now.filter((one) => one !== scope) : [...now, scope]));
  return (
    <Block id="tokens-title" title="API tokens">
      <form class="stacked" onSubmit={add} aria-label="Make an API token">
        <div class="inline">
          <Field
            label="What the token is for"
            hint="What it is for"
            required
            maxLength={64}
            value={name}
            onChange={setName}
          />
          <Choice label="How long" value={days} options={DAYS} onChange={setDays} />
          <button type="submit" class="button solid primary" disabled={name.trim() === '' || scopes.length === 0}>
            Make
          </button>
        </div>
        <fieldset class="checks">
          <legend>Rights</legend>
          {me.scopes.map((scope) => (
            <label key={scope}>
              <input type="checkbox" checked={scopes.includes(scope)} onChange={() => toggle(scope)} /> {scope}
            </label>
          ))}
        </fieldset>
      </form>
      {secret !== null && (
        <p class="made" role="status">
          The token, shown once: <Command text={secret} />
        </p>
      )}
      <Fault error={error} />
      <List
        label="API tokens"
        columns={['For', 'Owner', 'Rights', 'Ends', 'Used', 'Actions']}
        empty="No API tokens yet. Programs use one instead of a person’s password."
        count={tokens?.length ?? 1}
      >
        {tokens?.map((token) => (
          <tr key={token.id}>
            <th scope="row">{token.name}</th>
            <td>{token.user ?? 'operator token'}</td>
            <td>{token.scopes.join(', ')}</td>
            <td>{endText(token.expiresAt)}</td>
            <td>{token.lastUsed === null ? 'never' : <Ago at={token.lastUsed} />}</td>
            <td>
              <ConfirmButton
                label="Revoke"
                tone="bad"
                question={`End ${token.name} now?`}
                onConfirm={() => {
                  api.revokeToken(token.id).then(() => {
                    notify.done(`${token.name} is revoked`);
                    reload();
                  }, notify.error);
                }}
              />
            </td>
          </tr>
        ))}
      </List>
    </Block>
  );
}
