import type { FleetOverview } from '@nodeos/contracts/device-list.ts';
import type { Release } from '@nodeos/contracts/operator-api.ts';

/** Whom a release is for; null: all devices. */
export const channelOf = ({ custom }: Release): string | null => custom.channel ?? null;
export const channelText = (channel: string | null): string =>
  channel === null ? 'all devices' : `the channel ${channel}`;
export const systemText = ({ custom: { minimumSystem } }: Release): string =>
  minimumSystem === undefined ? 'any' : `${minimumSystem} or newer`;
/** What machines an app's native parts are built for; null: it has none. */
export const machineOf = ({ custom }: Release): string | null =>
  custom.kind === 'app' && custom.app.abi !== 'any' ? custom.app.abi : null;
export const releaseIcon = ({ kind }: Pick<Release, 'kind'>): 'app' | 'chip' => (kind === 'app' ? 'app' : 'chip');

/** The channels of these releases, in the order of the alphabet. */
export const channelsOf = (releases: readonly Release[]): string[] =>
  [...new Set(releases.map(channelOf).filter((channel) => channel !== null))].sort();

/** Approved devices that a release of this kind is made for, or of them those with a tag. */
export function devicesFor(release: Release, { devices, systems, tags }: FleetOverview, tag: string | null): number {
  const isFor = (board: string): boolean => release.kind === 'app' || board === release.name;
  if (tag !== null) return sum(tags.filter((one) => one.tag === tag && isFor(one.board)));
  return release.kind === 'app' ? devices.active : sum(systems.filter(({ board }) => isFor(board)));
}

const sum = (parts: readonly { readonly devices: number }[]): number =>
  parts.reduce((total, { devices }) => total + devices, 0);

/** `2 of 5`: on how many of the devices that it is made for it runs. */
export function runsOnText(release: Release, overview: FleetOverview): string {
  const { name, version } = release;
  const running =
    release.kind === 'app'
      ? overview.apps.filter((app) => app.name === name && app.version === version)
      : overview.systems.filter((system) => system.board === name && system.version === version);
  return `${sum(running)} of ${devicesFor(release, overview, null)}`;
}

/** As the command line takes it: `name@version`, or the target where that could be several. */
export function wordFor(release: Release, releases: readonly Release[]): string {
  const same = releases.filter(({ name, version }) => name === release.name && version === release.version);
  return same.length === 1 ? `${release.name}@${release.version}` : release.target;
}

/** `12.4 MiB` */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const [size, unit] = bytes < 1024 ** 2 ? [bytes / 1024, 'KiB'] : [bytes / 1024 ** 2, 'MiB'];
  return `${size.toFixed(1)} ${unit}`;
}
