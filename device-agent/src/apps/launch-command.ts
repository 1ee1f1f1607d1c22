import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import type { InstalledApp } from '../ports.ts';
import type { DiskShare } from './disk-share.ts';
import type { RunPlace } from './user-runs.ts';

/** Node.js as an app sees it in its own root, and the script that holds back its servers. */
export interface AppRootPaths {
  readonly appNode: string;
  readonly appPreload: string;
  /** The script that stands in for packages of the kernel's older GPIO interface, where that is gone. */
  readonly gpioPreload: string;
  readonly lowerRoot: string;
}
export interface LaunchPlace extends RunPlace {
  /** What its user may fill of the data partition; without it nothing is said. */
  readonly disk?: DiskShare | null;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly devices: readonly string[];
  /** False for an operator's console, which has no socket to the agent. */
  readonly channel?: boolean;
  /** File that the app sees as /proc/cpuinfo; null: the kernel's own. */
  readonly cpuinfo?: string | null;
  /** Folder of all homes, for the one user that sees them. */
  readonly homes?: string | null;
}

/** The app's end of its socket to the agent. */
export const CHANNEL_FD = 4;

/** Patterns of device nodes that an app asks for by kind. */
const DEVICE_KINDS: Readonly<Record<string, RegExp>> = {
  gpio: /^gpiochip\d+$/,
  i2c: /^i2c-\d+$/,
  spi: /^spidev\d+\.\d+$/,
  serial: /^tty(S|USB|ACM|AMA)\d+$/,
  input: /^input\/event\d+$/,
  video: /^video\d+$/,
  display: /^(fb\d+|dri\/card\d+)$/,
  fuse: /^fuse$/,
};

/**
 * Picks the device nodes that an app is given.
 * @param wanted kinds, or absolute paths below /dev
 * @param present names below /dev
 */
export function devicePaths(wanted: readonly string[], present: readonly string[]): string[] {
  const names = wanted.flatMap((entry) => present.filter((name) => fits(entry, name)));
  return [...new Set(names)].map((name) => `/dev/${name}`);
}

/** What an app asks for and cannot do without, and is not there. */
export function missingDevices(wanted: readonly string[], present: readonly string[]): string[] {
  return wanted.filter((entry) => !entry.endsWith('?') && !present.some((name) => fits(entry, name)));
}

/** Whether an app asks for a kind of device, be it that it can do without. */
export function wants({ devices }: Pick<AppManifest, 'devices'>, kind: string): boolean {
  return devices.some((entry) => entry.replace(/\?$/, '') === kind);
}

function fits(entry: string, name: string): boolean {
  const wanted = entry.replace(/\?$/, '');
  return DEVICE_KINDS[wanted]?.test(name) ?? `/dev/${name}` === wanted;
}

/** The launcher's arguments for one start of an app. */
export function launchArguments(app: InstalledApp, place: LaunchPlace, hold: boolean, paths: AppRootPaths): string[] {
  const { manifest } = app;
  const [program, ...rest] = manifest.start as [string, ...string[]];
  const isNode = program === 'node' || program === paths.appNode;
  const hasChannel = place.channel !== false;
  // It may have asked for what this machine does not have.
  const hasGpio =
    wants(manifest, 'gpio') && place.devices.some((path) => DEVICE_KINDS.gpio?.test(path.slice('/dev/'.length)));
  const environment: Record<string, string> = {
    NODE_ENV: app.development ? 'development' : 'production',
    NODEOS_APP: manifest.name,
    NODEOS_VERSION: manifest.version,
    ...(manifest.ports[0] !== undefined && { PORT: String(manifest.ports[0]) }),
    ...manifest.env,
    ...(app.development && { NODE_OPTIONS: `--enable-source-maps ${manifest.env.NODE_OPTIONS ?? ''}`.trim() }),
    ...(hold && { NODEOS_HOLD_FD: '3' }),
    ...(hasChannel && { NODEOS_CHANNEL_FD: String(CHANNEL_FD) }),
  };
  return [
    ...['--uid', String(place.uid), '--gid', String(place.gid)],
    ...['--hostname', manifest.name, '--home', place.home, '--lower', paths.lowerRoot],
    ...(app.bundlePath === null ? [] : ['--bundle', app.bundlePath]),
    ...(app.development ? ['--chdir', '/app'] : []),
    ...['--network', manifest.network],
    ...(place.homes ? ['--homes', place.homes] : []),
    ...(place.rootOf === null ? [] : ['--root-of', String(place.rootOf)]),
    ...(place.cgroup ? ['--cgroup', place.cgroup] : []),
    ...(place.disk ? ['--disk-kib', String(place.disk.kib), '--disk-files', String(place.disk.files)] : []),
    ...place.devices.flatMap((path) => ['--device', path]),
    ...(hasGpio ? ['--sysfs', 'gpio'] : []),
    ...(place.cpuinfo ? ['--cpuinfo', place.cpuinfo] : []),
    ...(hold ? ['--keep-fd', '3'] : []),
    ...(hasChannel ? ['--keep-fd', String(CHANNEL_FD)] : []),
    ...Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    '--',
    isNode ? paths.appNode : program,
    ...(isNode && hold ? ['--require', paths.appPreload] : []),
    ...(isNode && hasGpio ? ['--require', paths.gpioPreload] : []),
    ...rest,
  ];
}
