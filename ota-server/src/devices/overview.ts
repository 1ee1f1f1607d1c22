import type { DeviceIssue, FleetOverview } from '@nodeos/contracts/device-list.ts';
import { type DeviceEntry, issuesOf, isUpdating } from './device-status.ts';

/** The fleet in numbers, in one pass over its devices. */
export function overviewOf(entries: readonly DeviceEntry[]): FleetOverview {
  const devices = { total: entries.length, pending: 0, active: 0, revoked: 0 };
  const health = { healthy: 0, ailing: 0, offline: 0 };
  const issues = new Map<DeviceIssue, number>();
  const systems = new Tally<{ board: string; version: string }>();
  const apps = new Tally<{ name: string; version: string }>();
  const failing = new Map<object, number>();
  const tags = new Tally<{ tag: string; board: string }>();
  let updating = 0;
  for (const entry of entries) {
    const { device } = entry;
    devices[device.state]++;
    if (device.state !== 'active') continue;
    const found = issuesOf(entry);
    health[!entry.online ? 'offline' : found.length > 0 ? 'ailing' : 'healthy']++;
    for (const issue of found) issues.set(issue, (issues.get(issue) ?? 0) + 1);
    if (isUpdating(entry)) updating++;
    systems.add({ board: device.board, version: device.systemVersion });
    for (const [name, { version, state }] of Object.entries(device.apps)) {
      const key = apps.add({ name, version });
      if (state === 'backing-off') failing.set(key, (failing.get(key) ?? 0) + 1);
    }
    for (const tag of device.tags) tags.add({ tag, board: device.board });
  }
  return {
    devices,
    health,
    updating,
    issues: [...issues].map(([issue, count]) => ({ issue, devices: count })).sort(mostFirst),
    systems: systems.list().sort(mostFirst),
    apps: apps
      .list((key) => ({ failing: failing.get(key) ?? 0 }))
      .sort((a, b) => order(a.name, b.name) || mostFirst(a, b)),
    tags: tags.list().sort((a, b) => order(a.tag, b.tag) || order(a.board, b.board)),
  };
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const mostFirst = (a: { devices: number }, b: { devices: number }): number => b.devices - a.devices;

/** Counts by keys of several parts; equal keys are the same object. */
class Tally<Key extends object> {
  readonly #counts = new Map<string, { readonly key: Key; devices: number }>();

  add(key: Key): Key {
    const text = Object.values(key).join('\0');
    const known = this.#counts.get(text);
    if (known === undefined) this.#counts.set(text, { key, devices: 1 });
    else known.devices++;
    return known?.key ?? key;
  }

  list(): (Key & { devices: number })[];
  list<More extends object>(more: (key: Key) => More): (Key & { devices: number } & More)[];
  list(more: (key: Key) => object = () => ({})): (Key & { devices: number })[] {
    return [...this.#counts.values()].map(({ key, devices }) => ({ ...key, devices, ...more(key) }));
  }
}
