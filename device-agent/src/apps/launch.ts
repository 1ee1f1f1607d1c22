import { readdir } from 'node:fs/promises';
import { constants } from 'node:os';
import type { Duplex, Readable } from 'node:stream';
import type { InstalledApp } from '../ports.ts';
import { describeBoard } from './board-revision.ts';
import type { Cgroup } from './cgroup.ts';
import type { DeviceGrants } from './device-grants.ts';
import { FIRST_USER } from './folder-users.ts';
import { homeOf } from './home.ts';
import { type AppRootPaths, devicePaths, launchArguments } from './launch-command.ts';
import type { Ending, Launch } from './process.ts';
import type { RunWords, UserRuns } from './user-runs.ts';

/** The launcher's own failure, before the app's program began. */
const LAUNCHER_FAILED = 125;

export interface LaunchPaths extends AppRootPaths {
  readonly users: string;
  readonly devices: string;
  readonly proc: string;
  readonly cpuinfo: string;
}

/** Starts apps through the launcher: own root, user, process tree and limits. */
export function createLaunch(paths: LaunchPaths, runs: UserRuns, grants: DeviceGrants): Launch {
  /** What could not be started gives its devices back. */
  const begun = (giveBack: () => void, words: RunWords) =>
    runs.start(words).catch((error) => {
      giveBack();
      throw error;
    });

  return async (app, { hold }) => {
    const { name, memoryMiB } = app.manifest;
    const [{ home, uid, gid }, devices, cpuinfo] = await Promise.all([
      homeOf(paths.users, name),
      findDevices(app, paths.devices),
      app.manifest.devices.includes('gpio') ? describeBoard(paths) : null,
    ]);
    const homes = app.bundlePath === null && name === FIRST_USER ? paths.users : null;
    const giveBack = grants.take(app.manifest.user ?? name, devices);
    const { child, cgroup } = await begun(giveBack, {
      ...{ name, home, memoryMiB },
      arguments: (place) => launchArguments(app, { ...place, uid, gid, home, homes, devices, cpuinfo }, hold, paths),
      stdio: ['ignore', 'pipe', 'pipe', hold ? 'pipe' : 'ignore'],
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
      ended,
      // The launcher passes SIGTERM on; its own death by SIGKILL takes the app with it.
      kill: (signal) => void child.kill(signal),
    };
  };
}

async function findDevices(app: InstalledApp, folder: string): Promise<string[]> {
  if (app.manifest.devices.length === 0) return [];
  const names = await readdir(folder);
  const inputs = await readdir(`${folder}/input`).catch(() => []);
  return devicePaths(app.manifest.devices, [...names, ...inputs.map((name) => `input/${name}`)]);
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
