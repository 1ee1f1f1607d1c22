import { useEffect, useState } from 'preact/hooks';

export type Route =
  | { readonly page: 'devices'; readonly device: string | null }
  | { readonly page: 'deployments'; readonly deployment: string | null }
  | { readonly page: 'provisioning' | 'people' | 'audit' };

/** The address after `#`: `/devices`, `/devices/<id>`, `/deployments`, `/deployments/<id>` and the other pages. */
export function parseRoute(hash: string): Route {
  const [page, id] = hash.replace(/^#\/?/, '').split('/');
  const selected = id === undefined || id === '' ? null : decodeURIComponent(id);
  if (page === 'provisioning' || page === 'people' || page === 'audit') return { page };
  return page === 'deployments' ? { page, deployment: selected } : { page: 'devices', device: selected };
}

export const href = (page: Route['page'], id?: string): string =>
  `#/${page}${id === undefined ? '' : `/${encodeURIComponent(id)}`}`;

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const follow = (): void => setRoute(parseRoute(location.hash));
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return route;
}
