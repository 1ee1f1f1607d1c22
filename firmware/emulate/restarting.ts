import { SerialConsole } from './console.ts';
import type { DiskSource } from './machine.ts';
import { type Emulator, type EmulatorOptions, type EmulatorProcess, startProcess } from './qemu.ts';

/**
 * Starts a machine whose firmware the emulator plays: before each start, also after each reset, `load` does what the
 * firmware would do. For the caller it is one machine with one console and the same ports all the time.
 * @param load gives what is started next; where it fails after a reset, the console ends with its message
 * @throws as startEmulator; of the first `load`
 */
export async function startRestarting(
  options: Omit<EmulatorOptions, 'source'>,
  load: () => Promise<DiskSource>,
): Promise<Emulator> {
  const source = await load();
  const console = new SerialConsole(options.logPath);
  let current = await startProcess({ ...options, source }, console);
  const { startedAt } = current;
  let stopped = false;
  const restart = async (): Promise<EmulatorProcess | string> => {
    try {
      const next = await load();
      return stopped ? 'the machine was switched off' : await startProcess({ ...options, source: next }, console);
    } catch (error) {
      return `the machine does not start again: ${(error as Error).message}`;
    }
  };
  const live = async (): Promise<number | null> => {
    for (;;) {
      const { code, reset, reason } = await current.ended;
      const next = reset && !stopped && !options.signal?.aborted ? await restart() : reason;
      if (typeof next === 'string') {
        console.end(next);
        return code;
      }
      current = next;
      if (stopped) current.kill();
    }
  };
  const ended = live();
  return {
    console,
    startedAt,
    ended,
    get qmp() {
      return current.qmp;
    },
    get pid() {
      return current.pid;
    },
    async stop() {
      stopped = true;
      current.kill();
      await ended;
    },
  };
}
