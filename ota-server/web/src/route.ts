import { type DeviceStatus, deviceStatusSchema } from '@nodeos/contracts/device-list.ts';
import { useEffect, useState } from 'preact/hooks';

export type Route =
  | { readonly page: 'overview' }
  | { readonly page: 'devices'; readonly device: string | null; readonly preset: DevicePreset }
  | { readonly page: 'releases'; readonly release: string | null }
  | { readonly page: 'deployments'; readonly deployment: string | null; readonly begin: DeployPreset }
  | { readonly page: 'groups'; readonly group: string | null }
  | { readonly page: 'provisioning' | 'people' | 'audit' };

/** What a new deployment is begun with. `to`: `tag:`, `group:`, `device:` or `query:` and what comes after it. */
export interface DeployPreset {
  readonly release: string | null;
  readonly to: string | null;
}
const NOTHING: DeployPreset = { release: null, to: null };

/** What of the devices a link shows; an empty one changes nothing. */
export interface DevicePreset {
  readonly status?: DeviceStatus;
  readonly find?: string;
}

/**
 * The address after `#`: `/`, `/devices`, `/devices?status=&find=`, `/devices/<id>`, `/releases`, `/releases/<target>`,
 * `/deployments`, `/deployments/<id>`, `/deploy/<target>?to=`, `/groups`, `/groups/<name>` and the other pages.
 */
export function parseRoute(hash: string): Route {
  const [path = '', words] = hash.replace(/^#\/?/, '').split('?');
  const [page, id] = path.split('/');
  const selected = id === undefined || id === '' ? null : decodeURIComponent(id);
  if (page === 'provisioning' || page === 'people' || page === 'audit') return { page };
  if (page === 'releases') return { page, release: selected };
  if (page === 'deployments') return { page, deployment: selected, begin: NOTHING };
  if (page === 'groups') return { page, group: selected };
  if (page === 'deploy')
    return {
      ...{ page: 'deployments', deployment: null },
      begin: { release: selected, to: new URLSearchParams(words).get('to') },
    };
  if (page === 'devices') return { page, device: selected, preset: presetOf(new URLSearchParams(words)) };
  return { page: 'overview' };
}

function presetOf(words: URLSearchParams): DevicePreset {
  const status = deviceStatusSchema.safeParse(words.get('status'));
  const find = words.get('find');
  return { ...(status.success && { status: status.data }), ...(find !== null && { find }) };
}

export const presetHref = (preset: DevicePreset): string =>
  `#/devices?${new URLSearchParams(Object.entries(preset) as [string, string][])}`;

export const href = (page: Route['page'], id?: string): string =>
  `#/${page}${id === undefined ? '' : `/${encodeURIComponent(id)}`}`;

/** A new deployment of a release. */
export const deployHref = (target: string): string => `#/deploy/${encodeURIComponent(target)}`;
/** A new deployment to a destination as in DeployPreset. */
export const deployToHref = (to: string): string => `#/deploy/?${new URLSearchParams({ to })}`;

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const follow = (): void => setRoute(parseRoute(location.hash));
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return route;
}
