import type { Deployment } from '@nodeos/contracts/operator-api.ts';
import { useRef, useState } from 'preact/hooks';
import { ApiError, api } from './api.ts';
import { RECENT_DEPLOYMENTS } from './fleet.ts';

/** Those that come after the recent ones, page by page as they are asked for; they have ended and change no more. */
export function useOlderDeployments(recent: readonly Deployment[]): {
  readonly list: readonly Deployment[];
  readonly more: boolean;
  readonly error: ApiError | null;
  readonly load: () => void;
} {
  const [found, setFound] = useState<readonly Deployment[]>([]);
  const [ended, setEnded] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  // One that newer ones have pushed out of the recent ones is shown on.
  const seen = useRef(new Map<string, Deployment>());
  for (const one of [...recent, ...found]) seen.current.set(one.id, one);
  const known = new Set(recent.map(({ id }) => id));
  // Behind them there are others only that have not ended.
  const last = found.at(-1) ?? recent[RECENT_DEPLOYMENTS - 1];
  const load = (): void => {
    if (last === undefined) return;
    api.deployments({ before: last.id, limit: RECENT_DEPLOYMENTS }).then(
      (page) => {
        setError(null);
        setFound([...found, ...page]);
        setEnded(page.length < RECENT_DEPLOYMENTS);
      },
      (cause) => setError(cause instanceof ApiError ? cause : new ApiError('INTERNAL', String(cause), '')),
    );
  };
  const list = found.length === 0 ? [] : [...seen.current.values()].filter(({ id }) => !known.has(id));
  return { list: list.sort((a, b) => b.createdAt - a.createdAt), more: last !== undefined && !ended, error, load };
}
