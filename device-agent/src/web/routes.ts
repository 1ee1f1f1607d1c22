/** An app that has a place at the device's own address. */
export interface WebApp {
  readonly user: string;
  /** Name of the app, and its port. */
  readonly app: string;
  readonly port: number;
  readonly description: string;
}

/** Where a request goes. */
export type Route =
  | { readonly to: 'app'; readonly app: WebApp; readonly path: string; readonly prefix: string }
  | { readonly to: 'redirect'; readonly location: string }
  | { readonly to: 'index' }
  | { readonly to: 'nowhere'; readonly name: string }
  | { readonly to: 'refusal' };

/**
 * Finds the app of a request: by host name `<user>.<device>…`, else by the first part of the path, which the app does
 * not see.
 * @param target request target, in origin form or (RFC 9112, 3.2.2) in absolute form
 * @param devices names of this device, without a domain
 */
export function findRoute(
  host: string,
  target: string,
  apps: ReadonlyMap<string, WebApp>,
  devices: readonly string[],
): Route {
  const absolute = /^https?:\/\/([^/?#]+)(.*)$/i.exec(target);
  const path = absolute ? (absolute[2] as string).replace(/^(?!\/)/, '/') : target;
  if (!path.startsWith('/')) return { to: 'refusal' };
  const user = userOfHost(absolute?.[1] ?? host, devices);
  if (user !== null) {
    const app = apps.get(user);
    return app ? { to: 'app', app, path, prefix: '' } : { to: 'nowhere', name: user };
  }
  const [, name = '', rest = ''] = /^\/([^/?]*)(.*)$/s.exec(path) ?? [];
  if (name === '') return { to: 'index' };
  const app = apps.get(name);
  if (!app) return { to: 'nowhere', name };
  // Without the slash the page's relative links would lead out of the app.
  if (!rest.startsWith('/')) return { to: 'redirect', location: `/${name}/${rest}` };
  return { to: 'app', app, path: rest, prefix: `/${name}` };
}

/** `porch` of `porch.nodeos-1a2b.local:80`; null where the host is the device itself, or is called something else. */
function userOfHost(host: string, devices: readonly string[]): string | null {
  const [first = '', second = ''] = host.toLowerCase().replace(/:\d+$/, '').split('.');
  return devices.includes(second) ? first : null;
}
