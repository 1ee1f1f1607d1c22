import { useEffect, useState } from 'preact/hooks';
import { ApiError } from './api.ts';

export interface Loaded<T> {
  readonly value: T | null;
  readonly error: ApiError | null;
  reload(): void;
}

/** Loads once, again when one of `parts` changes, and when it is asked to. */
export function useLoad<T>(load: () => Promise<T>, parts: readonly unknown[] = []): Loaded<T> {
  const [value, setValue] = useState<T | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let stale = false;
    load().then(
      (found) => {
        if (stale) return;
        setValue(found);
        setError(null);
      },
      (cause) => !stale && setError(cause instanceof ApiError ? cause : new ApiError('INTERNAL', String(cause), '')),
    );
    return () => {
      stale = true;
    };
  }, [turn, ...parts]);
  return { value, error, reload: () => setTurn((n) => n + 1) };
}
