import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { describeError } from '@nodeos/contracts/errors.ts';
import type { ReplMessage } from '@nodeos/contracts/mqtt.ts';
import { homeOf } from './apps/home.ts';
import { type AppRootPaths, launchArguments } from './apps/launch-command.ts';
import type { InstalledApp } from './ports.ts';

const IDLE_LIMIT_MS = 15 * 60_000;
const DATA_MAX_CHARACTERS = 16_384;
const NOBODY = 65_534;

export interface ReplOptions {
  readonly paths: AppRootPaths & { readonly launcher: string; readonly users: string };
  /** The app as it runs now; undefined where there is no such app. */
  readonly findApp: (name: string) => InstalledApp | undefined;
  /** Process of the app as it runs now; null where it does not. */
  readonly processOf: (name: string) => number | null;
  readonly publish: (message: ReplMessage) => void;
  readonly log: (text: string) => void;
  readonly idleLimitMs?: number;
  /** Starts the interactive Node.js; replaced where there is no launcher. */
  readonly start?: (app: InstalledApp | null) => Promise<ChildProcess>;
}
export interface Repl {
  open(session: string, app: string | null): Promise<void>;
  input(message: ReplMessage): void;
  close(): void;
}

/**
 * An interactive Node.js on the device, bridged to the operator: as an app's user beside the app, or as nobody in an
 * empty home. Never the agent's own process. One at a time; a new session ends the one before.
 */
export function createRepl(options: ReplOptions): Repl {
  const { publish, log, idleLimitMs = IDLE_LIMIT_MS } = options;
  const start = options.start ?? ((app) => startIsolated(app, options));
  let current: { readonly session: string; readonly child: ChildProcess; timer: NodeJS.Timeout } | null = null;

  function close(): void {
    if (!current) return;
    const { session, child, timer } = current;
    current = null;
    clearTimeout(timer);
    child.kill('SIGKILL');
    publish({ session, data: '', end: true });
  }

  function send(session: string, text: string): void {
    for (let at = 0; at < text.length; at += DATA_MAX_CHARACTERS)
      publish({ session, data: text.slice(at, at + DATA_MAX_CHARACTERS), end: false });
  }

  function attach(session: string, child: ChildProcess): void {
    current = { session, child, timer: setTimeout(close, idleLimitMs) };
    const forward = (chunk: Buffer) => send(session, chunk.toString('utf8'));
    child.stdout?.on('data', forward);
    child.stderr?.on('data', forward);
    child.stdin?.on('error', () => {});
    child.on('error', (error) => send(session, `${error.message}\n`));
    child.on('close', () => {
      if (current?.child === child) close();
    });
  }

  return {
    async open(session, appName) {
      close();
      const app = appName === null ? null : options.findApp(appName);
      if (app === undefined) {
        publish({ session, data: `There is no app "${appName}" on this device.\n`, end: true });
        return;
      }
      log(`repl session opened${appName === null ? '' : ` in ${appName}`}`);
      try {
        attach(session, await start(app));
      } catch (error) {
        publish({ session, data: `${describeError(error)}\n`, end: true });
      }
    },
    input(message) {
      if (message.session !== current?.session) return;
      if (message.end) {
        close();
        return;
      }
      current.timer.refresh();
      current.child.stdin?.write(message.data);
    },
    close,
  };
}

async function startIsolated(app: InstalledApp | null, options: ReplOptions): Promise<ChildProcess> {
  const args = app ? await appArguments(app, options) : await nobodyArguments(options.paths);
  return spawn(options.paths.launcher, args, { stdio: ['pipe', 'pipe', 'pipe'], env: {} });
}

async function appArguments(app: InstalledApp, { paths, processOf }: ReplOptions): Promise<string[]> {
  const { home, uid } = await homeOf(paths.users, app.manifest.name);
  const interactive = { ...app, manifest: { ...app.manifest, start: ['node', '--interactive'] } };
  return launchArguments(
    interactive,
    { uid, home, rootOf: processOf(app.manifest.name), cgroup: null, devices: [] },
    false,
    paths,
  );
}

/** Its home lies in RAM and starts empty with every session. */
async function nobodyArguments(paths: ReplOptions['paths']): Promise<string[]> {
  const home = '/run/nodeos/repl/home';
  await rm('/run/nodeos/repl', { recursive: true, force: true });
  await mkdir(home, { recursive: true });
  const user = ['--uid', String(NOBODY), '--gid', String(NOBODY), '--hostname', 'repl'];
  return [...user, '--home', home, '--lower', paths.lowerRoot, '--', paths.appNode, '--interactive'];
}
