import { useEffect, useState } from 'preact/hooks';
import { ApiError, api } from '../api.ts';
import { Mark } from '../parts/icon.tsx';

type Way = 'token' | 'password';

export function Login({ onDone }: { onDone: () => void }) {
  const [way, setWay] = useState<Way | null>(null);
  const [passwords, setPasswords] = useState(false);
  const [name, setName] = useState('');
  const [secret, setSecret] = useState('');
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    api.session().then(
      (session) => {
        setPasswords(session.passwords);
        setWay(session.passwords ? 'password' : 'token');
      },
      () => setWay('token'),
    );
  }, []);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await api.login(way === 'token' ? { token: secret.trim() } : { name: name.trim(), password: secret });
      onDone();
    } catch (cause) {
      setError(cause instanceof ApiError ? cause : new ApiError('INTERNAL', String(cause), ''));
      setBusy(false);
    }
  };
  const choose = (next: Way): void => {
    setWay(next);
    setSecret('');
    setError(null);
  };
  if (way === null)
    return (
      <p class="boot" role="status">
        Loading…
      </p>
    );
  const wrong =
    way === 'token' ? 'This is not the operator token of this server.' : 'The name or the password is wrong.';
  return (
    <main class="login">
      <form onSubmit={submit} aria-labelledby="login-title">
        <Mark />
        <h1 id="login-title">Sign in to the fleet</h1>
        {way === 'token' ? (
          <p>
            Paste the operator token of this server. It stands in the file <code>operator-token</code> of the server’s
            data folder.
          </p>
        ) : (
          <>
            <label for="name">Name</label>
            <input
              id="name"
              class="plain"
              name="name"
              autocomplete="username"
              autocapitalize="none"
              required
              autofocus
              spellcheck={false}
              value={name}
              onInput={(event) => setName(event.currentTarget.value)}
            />
          </>
        )}
        <label for="secret">{way === 'token' ? 'Operator token' : 'Password'}</label>
        <input
          id="secret"
          key={way}
          name="secret"
          type="password"
          autocomplete="current-password"
          required
          autofocus={way === 'token'}
          spellcheck={false}
          value={secret}
          aria-invalid={error !== null}
          aria-describedby={error === null ? undefined : 'login-error'}
          onInput={(event) => setSecret(event.currentTarget.value)}
        />
        {error !== null && (
          <p id="login-error" class="field-error" role="alert">
            {error.code === 'UNAUTHENTICATED' ? wrong : `${error.message} ${error.hint}`}
          </p>
        )}
        <button type="submit" class="button solid primary" disabled={busy || secret.trim() === ''}>
          {busy ? 'Signing in…' : 'Sign in'}
        </button>
        {passwords && (
          <button type="button" class="link" onClick={() => choose(way === 'token' ? 'password' : 'token')}>
            {way === 'token' ? 'Sign in with name and password' : 'Sign in with the operator token'}
          </button>
        )}
      </form>
    </main>
  );
}
