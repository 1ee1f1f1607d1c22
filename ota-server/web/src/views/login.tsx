import { useState } from 'preact/hooks';
import { ApiError, api } from '../api.ts';
import { Mark } from '../parts/icon.tsx';

export function Login({ onDone }: { onDone: () => void }) {
  const [token, setToken] = useState('');
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await api.login(token.trim());
      onDone();
    } catch (cause) {
      setError(cause instanceof ApiError ? cause : new ApiError('INTERNAL', String(cause), ''));
      setBusy(false);
    }
  };
  return (
    <main class="login">
      <form onSubmit={submit} aria-labelledby="login-title">
        <Mark />
        <h1 id="login-title">Sign in to the fleet</h1>
        <p>
          Paste the operator token of this server. It stands in the file <code>operator-token</code> of the server’s
          data folder.
        </p>
        <label for="token">Operator token</label>
        <input
          id="token"
          name="token"
          type="password"
          autocomplete="current-password"
          required
          autofocus
          spellcheck={false}
          value={token}
          aria-invalid={error !== null}
          aria-describedby={error === null ? undefined : 'login-error'}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
        {error !== null && (
          <p id="login-error" class="field-error" role="alert">
            {error.code === 'UNAUTHENTICATED'
              ? 'This is not the operator token of this server.'
              : `${error.message} ${error.hint}`}
          </p>
        )}
        <button type="submit" class="button solid primary" disabled={busy || token.trim() === ''}>
          {busy ? 'Signing in…' : 'Sign in'}
        </button>
      </form>
    </main>
  );
}
