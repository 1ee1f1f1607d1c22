import type { Duplex } from 'node:stream';
import { delay } from '../backoff.ts';
import { eachLine } from '../lines.ts';
import type { InstalledApp } from '../ports.ts';
import { AppChannel, type AppGreeting } from './app-channel.ts';
import { type ConnectToApp, connectOutside } from './app-network.ts';
import { parseLevel, showLevel } from './log-level.ts';
import { type AppProcess, describeEnding, type Ending } from './process.ts';

const ERROR_LINES_KEPT = 40;

export type OnLine = (stream: 'stdout' | 'stderr', text: string) => void;

/** One run of one version of an app, from start to end. */
export class Instance {
  readonly app: InstalledApp;
  /** Milliseconds of the monotonic clock. */
  readonly startedAt = performance.now();
  /** Resolves with the ending; never rejects. */
  readonly ended: Promise<Ending>;
  ending: Ending | null = null;
  /** Null for commands that are no app. */
  readonly channel: AppChannel | null;
  readonly connect: ConnectToApp;
  /** True once its end is wanted. */
  stopping = false;
  readonly #process: AppProcess;
  readonly #errorLines: string[] = [];
  readonly #words = new Set<string>();
  readonly #wordWaiters = new Set<() => void>();

  constructor(app: InstalledApp, process: AppProcess, onLine: OnLine, greeting: (() => AppGreeting) | null = null) {
    this.app = app;
    this.#process = process;
    this.connect = process.connect ?? connectOutside;
    eachLine(process.stdout, (line) => onLine('stdout', showLevel(parseLevel(line))));
    eachLine(process.stderr, (line) => {
      const levelled = parseLevel(line);
      this.#errorLines.push(levelled.text);
      if (this.#errorLines.length > ERROR_LINES_KEPT) this.#errorLines.shift();
      onLine('stderr', showLevel(levelled));
    });
    this.channel = process.channel && greeting ? openChannel(app, process.channel, greeting) : null;
    if (process.control) this.#listen(process.control);
    this.ended = process.ended.then((ending) => {
      this.ending = ending;
      return ending;
    });
  }

  #listen(control: NonNullable<AppProcess['control']>): void {
    eachLine(control, (word) => {
      this.#words.add(word);
      for (const waiter of this.#wordWaiters) waiter();
    });
  }

  /** Resolves when the app has said one of the words on its channel. */
  said(words: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!words.some((word) => this.#words.has(word))) return;
        this.#wordWaiters.delete(check);
        resolve();
      };
      this.#wordWaiters.add(check);
      check();
    });
  }

  /** Lets a held app listen. */
  go(): void {
    this.#process.control?.write('go\n');
  }

  /** Asks it to end, kills it after the grace; resolves when it is gone. */
  async stop(graceMs: number): Promise<void> {
    this.stopping = true;
    if (this.ending) return;
    this.#process.kill('SIGTERM');
    const ended = new AbortController();
    void this.ended.then(() => ended.abort());
    await delay(graceMs, ended.signal);
    if (!this.ending) this.#process.kill('SIGKILL');
    await this.ended;
  }

  /** Why it ended, one sentence. */
  reason(): string {
    return describeEnding(this.ending ?? { code: null, signal: null, note: 'is still running' }, this.#errorLines);
  }

  ranMs(): number {
    return performance.now() - this.startedAt;
  }
}

function openChannel(app: InstalledApp, stream: Duplex, greeting: () => AppGreeting): AppChannel {
  return new AppChannel(stream, { greeting, mayHold: (app.manifest.holdUpdatesMs ?? 0) > 0 });
}
