import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { runTool } from '../run-tool.ts';
import type { DiskSource } from './machine.ts';

export interface RaspberryPiOptions {
  readonly emulate: NonNullable<Board['emulate']>;
  readonly disk: string;
  /** QEMU's notes about the run before; they need not exist. */
  readonly notesPath: string;
  readonly folder: string;
  readonly signal?: AbortSignal;
}

/** QEMU's word for a mailbox property that it lacks, here SET_REBOOT_FLAGS (raspberrypi-fw-defs.h, 0x00038064). */
const TRYBOOT_ASKED = /^bcm2835_property: unhandled tag 0x00038064$/m;

/**
 * What the Raspberry Pi's own firmware does at each start: reads the boot files of the disk, as a tryboot where the
 * system that ran before asked the mailbox for one. QEMU has no such firmware.
 * @throws (at each start) NodeosError INPUT_INVALID where the disk holds nothing to start
 */
export function raspberryPiStart(options: RaspberryPiOptions): () => Promise<DiskSource['firmware']> {
  const { emulate, disk, notesPath, folder } = options;
  return async () => {
    const notes = await readFile(notesPath, 'utf8').catch(() => '');
    const { readAsFirmware } = await import('./raspberrypi-firmware.ts');
    const found = await readAsFirmware(disk, { model: emulate.machine, tryboot: TRYBOOT_ASKED.test(notes) });
    const save = async (name: string, content: Buffer): Promise<string> => {
      const path = join(folder, name);
      await writeFile(path, content);
      return path;
    };
    return {
      kind: 'loaded',
      kernel: await save('kernel', found.kernel),
      initramfs: found.initramfs === null ? null : await save('initramfs.img', found.initramfs),
      deviceTree: await withRevision(await save('machine.dtb', found.deviceTree), emulate.revision, options.signal),
      commandLine: [found.commandLine, emulate.commandLine].filter(Boolean).join(' '),
    };
  };
}

/** The firmware tells the system which board it is on: `linux,revision` below `/system`. Gives the path. */
async function withRevision(path: string, revision: string | undefined, signal?: AbortSignal): Promise<string> {
  if (revision !== undefined)
    await runTool('fdtput', ['-p', '-t', 'x', path, '/system', 'linux,revision', revision], { signal });
  return path;
}
