import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import type { Emulator } from '@nodeos/firmware/emulate/qemu.ts';
import type { StoryContext } from 'nodeos/demo/context.ts';
import { sharedCache } from './build.ts';

const TAIL_LINES = 40;

/** What is there as long as one test with machines and servers lasts. */
export interface Lifetime {
  readonly folder: string;
  /** Aborted at the end, before anything is closed. */
  readonly signal: AbortSignal;
  /** Closes what was opened; the newest first. */
  readonly own: (close: () => Promise<void>) => void;
  /** A machine that ends with the test, and whose console says most where the test fails. */
  readonly watch: (emulator: Emulator) => void;
  /** Adds the console's last lines to the first error of the test. */
  readonly explain: (error: Error) => void;
  /** What the steps of the story need. */
  readonly story: (board: Board) => StoryContext;
}

/** Runs a test and leaves nothing of it behind, however it ends. */
export async function livingFor(name: string, work: (life: Lifetime) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), `nodeos-test-${name}-`));
  const end = new AbortController();
  const closers: (() => Promise<void>)[] = [];
  const own = (close: () => Promise<void>): void => void closers.unshift(close);
  let machine: Emulator | null = null;
  let explained = false;
  const explain = (error: Error): void => {
    if (machine === null || explained) return;
    explained = true;
    // The test runner prints the stack; what is added to the message of a failed assertion is not seen.
    error.stack = `${error.stack}\nlast lines of the console:\n${machine.console.tail(TAIL_LINES)}`;
  };
  const build = { cacheRoot: sharedCache(), signal: end.signal, progress: () => {}, locked: false };
  try {
    await work({
      ...{ folder, signal: end.signal, own, explain },
      watch: (emulator) => {
        machine = emulator;
        own(() => emulator.stop());
      },
      story: (board) => ({ build, board, folder, signal: end.signal, dashboardPort: 0 }),
    });
  } catch (error) {
    explain(error as Error);
    throw error;
  } finally {
    end.abort();
    for (const close of closers) await close();
    rmSync(folder, { recursive: true, force: true });
  }
}
