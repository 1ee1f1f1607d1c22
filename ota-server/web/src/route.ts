import { useEffect, useState } from 'preact/hooks';

export type Route =
  | { readonly page: 'devices'; readonly device: string | null }
  | { readonly page: 'releases'; readonly release: string | null }
  /** `release`: the target that a new deployment is begun with. */
  | { readonly page: 'deployments'; readonly deployment: string | null; readonly release: string | null }
  | { readonly page: 'groups'; readonly group: string | null }
  | { readonly page: 'provisioning' | 'people' | 'audit' };

/**
 * The address after `#`: `/devices`, `/devices/<id>`, `/releases`, `/releases/<target>`, `/deployments`,
 * `/deployments/<id>`, `/deploy/<target>`, `/groups`, `/groups/<name>` and the other pages.
 */
export function parseRoute(hash: string): Route {
  const [page, id] = hash.replace(/^#\/?/, '').split('/');
  const selected = id === undefined || id === '' ? null : decodeURIComponent(id);
  if (page === 'provisioning' || page === 'people' || page === 'audit') return { page };
  if (page === 'releases') return { page, release: selected };
  if (page === 'deployments') return { page, deployment: selected, release: null };
  if (page === 'groups') return { page, group: selected };
  if (page === 'deploy') return { page: 'deployments', deployment: null, release: selected };
  return { page: 'devices', device: selected };
}

export const href = (page: Route['page'], id?: string): string =>
  `#/${page}${id === undefined ? '' : `/${encodeURIComponent(id)}`}`;

/** A new deployment of a release. */
export const deployHref = (target: string): string => `#/deploy/${encodeURIComponent(target)}`;

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const follow = (): void => setRoute(parseRoute(location.hash));
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return route;
}
