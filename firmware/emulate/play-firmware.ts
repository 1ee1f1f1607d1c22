import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { runTool } from '../run-tool.ts';
import type { DiskSource } from './machine.ts';
import { readAsFirmware } from './raspberrypi-firmware.ts';

export interface RaspberryPiOptions {
  readonly emulate: NonNullable<Board['emulate']>;
  readonly disk: string;
  readonly folder: string;
  readonly signal?: AbortSignal;
}

export interface RaspberryPiFirmware {
  /** What the next start loads. @throws NodeosError INPUT_INVALID where the disk holds nothing to start */
  load(): Promise<DiskSource['firmware']>;
  /** Takes QEMU's lines about what the guest asks of parts that it lacks. */
  onNote(line: string): void;
}

/** QEMU's word for a mailbox property that it lacks, here SET_REBOOT_FLAGS (raspberrypi-fw-defs.h). */
const TRYBOOT_ASKED = 'bcm2835_property: unhandled tag 0x00038064';

/**
 * What the Raspberry Pi's own firmware does at each start: reads the boot files of the disk, as a tryboot where the
 * system that ran before asked the mailbox for one. QEMU has no such firmware.
 */
export function raspberryPiFirmware(options: RaspberryPiOptions): RaspberryPiFirmware {
  const { emulate, disk, folder } = options;
  let tryboot = false;
  const load = async (): Promise<DiskSource['firmware']> => {
    const found = await readAsFirmware(disk, { model: emulate.machine, tryboot });
    tryboot = false;
    const save = async (name: string, content: Buffer): Promise<string> => {
      const path = join(folder, name);
      await writeFile(path, content);
      return path;
    };
    return {
      kind: 'loaded',
      kernel: await save('kernel', found.kernel),
      initramfs: found.initramfs === null ? null : await save('initramfs.img', found.initramfs),
      deviceTree: await fitDeviceTree(await save('machine.dtb', found.deviceTree), emulate, options.signal),
      commandLine: [found.commandLine, emulate.commandLine].filter(Boolean).join(' '),
    };
  };
  const onNote = (line: string): void => {
    if (line === TRYBOOT_ASKED) tryboot = true;
  };
  return { load, onNote };
}

/**
 * The firmware tells the system which board it is on (`linux,revision` below `/system`); and what QEMU's machine lacks
 * is taken out, so that no driver reaches for it. Gives the path.
 */
async function fitDeviceTree(
  path: string,
  { revision, deviceTreeChanges }: NonNullable<Board['emulate']>,
  signal?: AbortSignal,
): Promise<string> {
  const put = (...args: string[]) => runTool('fdtput', args, { signal });
  if (revision !== undefined) await put('-p', '-t', 'x', path, '/system', 'linux,revision', revision);
  for (const { node, property, text } of deviceTreeChanges) {
    if (text === null) await put('-d', path, node, property);
    else await put('-t', 's', path, node, property, text);
  }
  return path;
}
