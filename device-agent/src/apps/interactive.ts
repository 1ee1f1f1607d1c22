import type { ChildProcess } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import type { InstalledApp } from '../ports.ts';
import { homeOf } from './home.ts';
import { toEnding } from './launch.ts';
import { type AppRootPaths, launchArguments } from './launch-command.ts';
import type { Ending } from './process.ts';
import type { RunPlace, UserRuns } from './user-runs.ts';

/** An interactive Node.js takes some 50 MiB; the rest is for what is tried in it. */
const MEMORY_MIB = 96;
const NOBODY = 65_534;

export interface InteractiveProcess {
  /** With pipes for all three streams. */
  readonly child: ChildProcess;
  /** Resolves when the process is gone and its output has been read; never rejects. */
  readonly ended: Promise<Ending>;
}
/** Starts an interactive Node.js as an app's user beside the app, or as nobody in an empty home. */
export type StartInteractive = (app: InstalledApp | null) => Promise<InteractiveProcess>;

export interface InteractivePaths extends AppRootPaths {
  readonly users: string;
  /** A folder in RAM. */
  readonly replHomes: string;
}

export function createStartInteractive(paths: InteractivePaths, runs: UserRuns): StartInteractive {
  let homes = 0;

  async function asUser(app: InstalledApp) {
    const { home, uid, gid } = await homeOf(paths.users, app.manifest.user ?? app.manifest.name);
    const interactive = { ...app, manifest: { ...app.manifest, start: ['node', '--interactive'] } };
    const argumentsAt = (place: RunPlace) =>
      launchArguments(interactive, { ...place, uid, gid, home, devices: [], channel: false }, false, paths);
    return { name: app.manifest.name, home, arguments: argumentsAt };
  }

  /** A home of its own each time: the session before may still be ending in its. */
  async function asNobody() {
    await rm(paths.replHomes, { recursive: true, force: true });
    const home = `${paths.replHomes}/${++homes}`;
    await mkdir(home, { recursive: true });
    const argumentsAt = ({ cgroup }: RunPlace) => [
      ...['--uid', String(NOBODY), '--gid', String(NOBODY), '--hostname', 'repl'],
      ...['--home', home, '--lower', paths.lowerRoot],
      ...(cgroup ? ['--cgroup', cgroup] : []),
      ...['--', paths.appNode, '--interactive'],
    ];
    return { name: 'repl', home, arguments: argumentsAt };
  }

  return async (app) => {
    const words = app ? await asUser(app) : await asNobody();
    const { child, cgroup } = await runs.start({ ...words, memoryMiB: MEMORY_MIB, stdio: ['pipe', 'pipe', 'pipe'] });
    const ended = new Promise<Ending>((resolve) => {
      child.on('close', (code, signal) => void toEnding(code, signal, cgroup, MEMORY_MIB).then(resolve));
    });
    return { child, ended };
  };
}
