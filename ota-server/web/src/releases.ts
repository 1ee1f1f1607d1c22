import type { DeviceSummary, Release } from '@nodeos/contracts/operator-api.ts';

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

/** Approved devices that a release of this kind is made for, whatever their tags. */
export const devicesFor = (release: Release, devices: readonly DeviceSummary[]): DeviceSummary[] =>
  devices.filter(({ state, board }) => state === 'active' && (release.kind === 'app' || board === release.name));

const runs = (release: Release, { apps, board, systemVersion }: DeviceSummary): boolean =>
  release.kind === 'app'
    ? apps[release.name]?.version === release.version
    : board === release.name && systemVersion === release.version;

/** `2 of 5`: on how many of the devices that it is made for it runs. */
export function runsOnText(release: Release, devices: readonly DeviceSummary[]): string {
  const fitting = devicesFor(release, devices);
  return `${fitting.filter((device) => runs(release, device)).length} of ${fitting.length}`;
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
