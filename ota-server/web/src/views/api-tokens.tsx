import type { Identity, Scope } from '@nodeos/contracts/access.ts';
import { useState } from 'preact/hooks';
import { api } from '../api.ts';
import { Fault, List } from '../parts/list.tsx';
import type { Notify } from '../parts/notices.tsx';
import { Ago, Command, ConfirmButton } from '../parts/small.tsx';
import { useLoad } from '../use-load.ts';
import { timeText } from '../words.ts';

const DAYS: readonly (readonly [string, number | null])[] = [
  ['30 days', 30],
  ['90 days', 90],
  ['a year', 365],
  ['without end', null],
];

/** Tokens for programs; the secret is shown once. */
export function ApiTokens({ me, notify }: { me: Identity; notify: Notify }) {
  const { value: tokens, error, reload } = useLoad(api.tokens);
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<readonly Scope[]>(['read']);
  const [days, setDays] = useState('30 days');
  const [secret, setSecret] = useState<string | null>(null);
  const add = (event: Event): void => {
    event.preventDefault();
    const lifetime = DAYS.find(([text]) => text === days)?.[1] ?? null;
    const expiresAt = lifetime === null ? null : Date.now() + lifetime * 86_400_000;
    api.addToken({ name: name.trim(), scopes: [...scopes], expiresAt }).then((made) => {
      setSecret(made.token);
      setName('');
      reload();
    }, notify.error);
  };
  const toggle = (scope: Scope): void =>
    setScopes((now) => (now.includes(scope) ? now.filter((one) => one !== scope) : [...now, scope]));
  return (
    <section class="block" aria-labelledby="tokens-title">
      <div class="block-head">
        <h2 id="tokens-title">API tokens</h2>
      </div>
      <form class="stacked" onSubmit={add} aria-label="Make an API token">
        <div class="inline">
          <input
            aria-label="What the token is for"
            placeholder="What it is for"
            required
            maxLength={64}
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
          <select aria-label="How long" value={days} onChange={(event) => setDays(event.currentTarget.value)}>
            {DAYS.map(([text]) => (
              <option key={text}>{text}</option>
            ))}
          </select>
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
            <td>{token.expiresAt === null ? 'never' : timeText(token.expiresAt)}</td>
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
    </section>
  );
}
