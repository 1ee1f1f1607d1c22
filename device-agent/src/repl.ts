import { describeError } from '@nodeos/contracts/errors.ts';
import type { ReplMessage } from '@nodeos/contracts/mqtt.ts';
import type { InteractiveProcess, StartInteractive } from './apps/interactive.ts';
import type { InstalledApp } from './ports.ts';

const IDLE_LIMIT_MS = 15 * 60_000;
const DATA_MAX_CHARACTERS = 16_384;
/** What is kept of what is typed while the process is being started; beyond it the session ends. */
const EARLY_MAX_CHARACTERS = 1_048_576;

export interface ReplOptions {
  /** The app as it runs now; undefined where there is no such app. */
  readonly findApp: (name: string) => InstalledApp | undefined;
  readonly publish: (message: ReplMessage) => void;
  readonly log: (text: string) => void;
  readonly idleLimitMs?: number;
  readonly start: StartInteractive;
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
  const { start, publish, log, idleLimitMs = IDLE_LIMIT_MS } = options;
  let current: (Pick<InteractiveProcess, 'child'> & { session: string; timer: NodeJS.Timeout }) | null = null;
  /** The operator types as soon as the server knows of the session, which is before its process runs. */
  let opening: { readonly session: string; early: string } | null = null;

  function close(): void {
    if (opening) {
      const { session } = opening;
      opening = null;
      publish({ session, data: '', end: true });
    }
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

  function attach(session: string, { child, ended }: InteractiveProcess): void {
    current = { session, child, timer: setTimeout(close, idleLimitMs) };
    const forward = (chunk: Buffer) => send(session, chunk.toString('utf8'));
    child.stdout?.on('data', forward);
    child.stderr?.on('data', forward);
    child.stdin?.on('error', () => {});
    void ended.then(({ note }) => {
      if (current?.child !== child) return;
      if (note !== null) send(session, `The session ${note}.\n`);
      close();
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
      const mine = { session, early: '' };
      opening = mine;
      try {
        const process = await start(app);
        if (opening !== mine) return void process.child.kill('SIGKILL');
        opening = null;
        attach(session, process);
        process.child.stdin?.write(mine.early);
      } catch (error) {
        if (opening !== mine) return;
        opening = null;
        publish({ session, data: `${describeError(error)}\n`, end: true });
      }
    },
    input(message) {
      if (message.session === opening?.session) {
        opening.early += message.data;
        if (message.end || opening.early.length > EARLY_MAX_CHARACTERS) close();
        return;
      }
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
