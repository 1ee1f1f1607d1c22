import { readdir, statfs } from 'node:fs/promises';
import { constants } from 'node:os';
import type { Duplex, Readable } from 'node:stream';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { InstalledApp, NetworkCalls } from '../ports.ts';
import { connectInside } from './app-network.ts';
import { describeBoard } from './board-revision.ts';
import type { Cgroup } from './cgroup.ts';
import type { DeviceGrants } from './device-grants.ts';
import { diskShare } from './disk-share.ts';
import { FIRST_USER } from './folder-users.ts';
import { homeOf } from './home.ts';
import {
  type AppRootPaths,
  CHANNEL_FD,
  devicePaths,
  launchArguments,
  missingDevices,
  wants,
} from './launch-command.ts';
import type { Ending, Launch } from './process.ts';
import type { RunWords, UserRuns } from './user-runs.ts';

/** Folders below /dev that hold nodes of a kind. */
const DEVICE_FOLDERS = ['input', 'dri'] as const;
/** The launcher's own failure, before the app's program began. */
const LAUNCHER_FAILED = 125;

export interface LaunchPaths extends AppRootPaths {
  readonly users: string;
  readonly devices: string;
  readonly proc: string;
  readonly cpuinfo: string;
}

/** Starts apps through the launcher: own root, user, process tree and limits. */
export function createLaunch(
  paths: LaunchPaths,
  runs: UserRuns,
  grants: DeviceGrants,
  native: NetworkCalls | null = null,
): Launch {
  /** What could not be started gives its devices back. */
  const begun = (giveBack: () => void, words: RunWords) =>
    runs.start(words).catch((error) => {
      giveBack();
      throw error;
    });

  return async (app, { hold }) => {
    const { name, memoryMiB, diskMiB, network } = app.manifest;
    const [{ home, uid, gid }, devices, cpuinfo] = await Promise.all([
      app.development
        ? { home: app.development.home, uid: app.development.uid, gid: app.development.uid }
        : homeOf(paths.users, app.manifest.user ?? name),
      findDevices(app, paths.devices),
      wants(app.manifest, 'gpio') ? describeBoard(paths) : null,
    ]);
    // The home of a development session is in RAM; any other is there only now, at its first start.
    const disk = app.development ? null : diskShare(await statfs(home), diskMiB);
    const homes = app.bundlePath === null && !app.development && name === FIRST_USER ? paths.users : null;
    const giveBack = grants.take(app.manifest.user ?? name, devices);
    const { child, cgroup } = await begun(giveBack, {
      ...{ name, home, memoryMiB },
      arguments: (place) =>
        launchArguments(app, { ...place, uid, gid, home, homes, devices, disk, cpuinfo }, hold, paths),
      stdio: ['ignore', 'pipe', 'pipe', hold ? 'pipe' : 'ignore', 'pipe'],
    });
    const ended = new Promise<Ending>((resolve) => {
      child.on('close', (code, signal) => {
        giveBack();
        void toEnding(code, signal, cgroup, memoryMiB).then(resolve);
      });
    });
    return {
      stdout: child.stdout as Readable,
      stderr: child.stderr as Readable,
      control: hold ? (child.stdio[3] as Duplex) : null,
      channel: child.stdio[CHANNEL_FD] as Duplex,
      ...(network === 'none' && native && child.pid && { connect: connectInside(native, child.pid) }),
      ended,
      // The launcher passes SIGTERM on; its own death by SIGKILL takes the app with it.
      kill: (signal) => void child.kill(signal),
    };
  };
}

/** @throws NodeosError APP_DEVICE_MISSING */
async function findDevices({ manifest }: InstalledApp, folder: string): Promise<string[]> {
  if (manifest.devices.length === 0) return [];
  const names = await readdir(folder);
  const nested = await Promise.all(DEVICE_FOLDERS.map((name) => namesBelow(folder, name)));
  const present = [...names, ...nested.flat()];
  const missing = missingDevices(manifest.devices, present);
  if (missing.length > 0) throw new NodeosError('APP_DEVICE_MISSING', `this machine has no ${missing.join(', no ')}`);
  return devicePaths(manifest.devices, present);
}

async function namesBelow(folder: string, name: string): Promise<string[]> {
  const names = await readdir(`${folder}/${name}`).catch(() => []);
  return names.map((entry) => `${name}/${entry}`);
}

/** The launcher gives the app's signal as a shell does: 128 and its number. */
export async function toEnding(
  code: number | null,
  signal: NodeJS.Signals | null,
  cgroup: Pick<Cgroup, 'ranOutOfMemory' | 'remove'> | null,
  memoryMiB: number,
): Promise<Ending> {
  const outOfMemory = (await cgroup?.ranOutOfMemory()) ?? false;
  await cgroup?.remove();
  const own = code !== null && code > 128 ? signalName(code - 128) : null;
  if (outOfMemory) return { code, signal: own ?? signal, note: `used more than its ${memoryMiB} MiB of memory` };
  if (code === LAUNCHER_FAILED) return { code, signal, note: 'could not be started by the launcher' };
  return own ? { code: null, signal: own, note: null } : { code, signal, note: null };
}

function signalName(number: number): NodeJS.Signals | null {
  const entry = Object.entries(constants.signals).find(([, value]) => value === number);
  return (entry?.[0] as NodeJS.Signals | undefined) ?? null;
}
