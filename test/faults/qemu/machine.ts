import { join } from 'node:path';
import { freePort } from '@nodeos/firmware/emulate/ports.ts';
import { type Emulator, startEmulator } from '@nodeos/firmware/emulate/qemu.ts';
import { APP_PORT, type Site } from './site.ts';

export interface FaultMachine {
  readonly emulator: Emulator;
  /** The app's answer; null while there is none. */
  askApp(): Promise<string | null>;
}

/**
 * Starts a machine from a raw image or from a disk that somebody serves.
 * @param disk path, or `nbd:unix:…`
 */
export async function startMachine(site: Site, disk: string, name: string, memoryMiB = 192): Promise<FaultMachine> {
  const { emulate } = site.board;
  if (emulate === null) throw new Error(`${site.board.name} cannot be emulated`);
  const port = await freePort();
  const emulator = await startEmulator({
    emulate,
    source: { kind: 'disk', path: disk, bus: 'virtio', firmware: { kind: 'bios' } },
    memoryMiB,
    forwards: [{ host: port, guest: APP_PORT }],
    cacheRoot: site.build.cacheRoot,
    logPath: join(site.folder, `${name}.log`),
    signal: site.signal,
  });
  return {
    emulator,
    async askApp() {
      try {
        const answer = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(5_000) });
        return answer.ok ? await answer.text() : null;
      } catch {
        return null;
      }
    },
  };
}
