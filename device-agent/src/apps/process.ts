import type { Duplex, Readable } from 'node:stream';
import type { InstalledApp } from '../ports.ts';
import type { ConnectToApp } from './app-network.ts';

/** How a process ended; `note` tells what code and signal do not (out of memory, could not be started). */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly note: string | null;
}

/** A started process of an app. */
export interface AppProcess {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Line channel to app-preload.cjs; null where the start is not held back. */
  readonly control: Duplex | null;
  /** Socket to the package @nodeos/app; null for commands that are no app. */
  readonly channel: Duplex | null;
  /** Reaches its ports where they are not the device's own. */
  readonly connect?: ConnectToApp;
  /** Resolves when the process is gone and its output has been read; never rejects. */
  readonly ended: Promise<Ending>;
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}

/**
 * Starts an app's process.
 * @param hold the app must not listen before it is told to
 */
export type Launch = (app: InstalledApp, options: { readonly hold: boolean }) => Promise<AppProcess>;

/** One sentence: how it ended, and the line of its standard error that tells most. */
export function describeEnding(ending: Ending, lastErrorLines: readonly string[]): string {
  const how =
    ending.note ?? (ending.signal ? `was killed by ${ending.signal}` : `ended with code ${ending.code ?? 'unknown'}`);
  const line = tellingLine(lastErrorLines);
  return line === null ? how : `${how}: ${line.slice(0, 400)}`;
}

/** Node prints the error above its stack and its own version below: the error is what a person wants. */
function tellingLine(lines: readonly string[]): string | null {
  const worthy = lines
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(at |Node\.js v|[{}\]^~]*$)/.test(line));
  return worthy.findLast((line) => /^(Uncaught )?[A-Za-z.]*(Error|Exception)\b/.test(line)) ?? worthy.at(-1) ?? null;
}
