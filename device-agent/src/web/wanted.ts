import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import type { WebApp } from './routes.ts';

type Reach = Pick<AppManifest, 'name' | 'user' | 'description' | 'ports' | 'network' | 'web' | 'forward'>;

export interface AppPort {
  readonly app: string;
  readonly port: number;
}

/** What the apps of a device want to be reached by. */
export interface Wanted {
  /** By user, in the order of their names. */
  readonly web: ReadonlyMap<string, WebApp>;
  /** Port outside → port of an app. */
  readonly forwards: ReadonlyMap<number, AppPort>;
  /** Ports that the proxy listens on: the usual ones, unless an app has them. */
  readonly proxy: { readonly http: number | null; readonly https: number | null };
  /** What cannot be had, one sentence each. */
  readonly conflicts: readonly string[];
}
export interface ProxyPorts {
  readonly http: number;
  /** Null without a certificate. */
  readonly https: number | null;
}

/** Decides who gets which port: an app its own ones, then the first by name, then the proxy. */
export function decideWanted(manifests: readonly Reach[], proxy: ProxyPorts): Wanted {
  const apps = [...manifests].sort((a, b) => (a.name < b.name ? -1 : 1));
  // Ports of an app with a network of its own are not the device's.
  const onDevice = apps.filter(({ network }) => network === 'host');
  const holders = new Map(onDevice.flatMap(({ name, ports }) => ports.map((port) => [port, name] as const)));
  const web = new Map<string, WebApp>();
  const forwards = new Map<number, AppPort>();
  const conflicts: string[] = [];
  for (const { name, user = name, description, ports, web: isWeb, forward = {} } of apps) {
    if (isWeb && ports[0] !== undefined) web.set(user, { user, app: name, port: ports[0], description });
    for (const [text, inside] of Object.entries(forward)) {
      const outside = Number(text);
      const holder = holders.get(outside);
      if (holder === undefined) {
        holders.set(outside, name);
        forwards.set(outside, { app: name, port: inside });
      } else conflicts.push(`port ${outside} is not opened for ${name}: ${holder} has it`);
    }
  }
  const free = (port: number | null) => {
    if (port === null || web.size === 0) return null;
    const holder = holders.get(port);
    if (holder === undefined) return port;
    conflicts.push(`the device does not show its apps on port ${port}: ${holder} has it`);
    return null;
  };
  return { web, forwards, proxy: { http: free(proxy.http), https: free(proxy.https) }, conflicts };
}
