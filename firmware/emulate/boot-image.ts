import { stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import { copyDisk } from './disk-copy.ts';
import { putFleetFile } from './fleet-partition.ts';
import type { DiskBus, DiskSource, PortForward } from './machine.ts';
import { raspberryPiFirmware } from './play-firmware.ts';
import { requireEmulator } from './programs.ts';
import { type Emulator, startEmulator } from './qemu.ts';
import { onResetNotes } from './reset-notes.ts';
import { startRestarting } from './restarting.ts';
import { prepareUefi } from './uefi.ts';

export interface BootImageOptions {
  readonly emulate: NonNullable<Board['emulate']>;
  /** Disk image; it is not changed unless `inPlace`. */
  readonly image: string;
  readonly inPlace?: boolean;
  /** Size of the medium that the copy stands for. */
  readonly mediumBytes?: number;
  /** Written on the first partition before the start. */
  readonly fleet?: FleetFile;
  /** Default: virtio, or the machine's card slot. */
  readonly bus?: DiskBus;
  /** Default: what the board's machine starts with. */
  readonly firmware?: 'bios' | 'uefi';
  readonly memoryMiB?: number;
  readonly forwards?: readonly PortForward[];
  /** Folder for the copy of the disk, the firmware's variables and the console log. */
  readonly folder: string;
  readonly cacheRoot: string;
  readonly signal?: AbortSignal;
}

export interface ImageMachine {
  readonly emulator: Emulator;
  /** The disk that the machine writes to. */
  readonly disk: string;
}

/** Size of the medium that a copy stands for, where nothing else is said. */
export const MEDIUM_BYTES = 1024 * 1_048_576;

/**
 * Boots a disk image as a machine with one disk, a network card and a serial console.
 * @throws NodeosError FILE_UNREADABLE, INPUT_INVALID, TOOL_MISSING, EMULATOR_TOO_OLD, EMULATOR_FAILED, PORT_IN_USE, DISK_FULL
 */
export async function bootImage(options: BootImageOptions): Promise<ImageMachine> {
  const { emulate, folder, signal } = options;
  const bus = diskBus(options);
  const kind = firmwareKind(options);
  await requireEmulator(emulate);
  const disk = options.inPlace ? options.image : join(folder, 'disk.img');
  if (!options.inPlace) await copyDisk(options.image, disk, options.mediumBytes ?? MEDIUM_BYTES);
  if (bus === 'sd-card') await growToCard(disk);
  if (options.fleet) await putFleetFile(disk, options.fleet, signal);
  const common = {
    emulate,
    memoryMiB: options.memoryMiB ?? emulate.memoryMiB,
    forwards: options.forwards,
    cacheRoot: options.cacheRoot,
    logPath: join(folder, 'console.log'),
    signal,
  };
  const source = (firmware: DiskSource['firmware']): DiskSource => ({ kind: 'disk', path: disk, bus, firmware });
  if (kind === 'raspberrypi') {
    const { load, onNote } = raspberryPiFirmware({ emulate, disk, folder, signal });
    const emulator = await startRestarting({ ...common, onNote }, async () => source(await load()));
    return { emulator, disk };
  }
  const firmware = kind === 'uefi' ? await prepareUefi(emulate.system, folder) : ({ kind } as const);
  let emulator: Emulator | null = null;
  // Fails only where the machine has ended meanwhile.
  const reset = (): void => void emulator?.qmp.execute('system_reset').catch(() => {});
  const onNote = emulate.resetNotes === undefined ? undefined : onResetNotes(emulate.resetNotes, reset);
  emulator = await startEmulator({ ...common, source: source(firmware), onNote });
  return { emulator, disk };
}

function diskBus({ emulate, bus }: BootImageOptions): DiskBus {
  if (emulate.disk === 'any') return bus ?? 'virtio';
  if (bus === undefined || bus === emulate.disk) return emulate.disk;
  throw new NodeosError('INPUT_INVALID', `the machine ${emulate.machine} has a card slot and no bus ${bus}`, {
    hint: 'Leave the option --bus out.',
  });
}

function firmwareKind({ emulate, firmware }: BootImageOptions): 'bios' | 'uefi' | 'raspberrypi' {
  const own = emulate.firmware === 'disk' ? 'bios' : emulate.firmware;
  // A PC has both kinds.
  if (firmware === undefined || firmware === own || own === 'bios') return firmware ?? own;
  const reason = own === 'uefi' ? 'has no BIOS' : 'has its own firmware';
  throw new NodeosError('INPUT_INVALID', `the machine ${emulate.machine} ${reason}, so ${firmware} is no choice`, {
    hint: 'Leave the option --firmware out.',
  });
}

/** QEMU takes cards of a power of two only; the data partition grows into what is added. */
async function growToCard(disk: string): Promise<void> {
  const { size } = await stat(disk).catch((cause) => {
    throw new NodeosError('FILE_UNREADABLE', `the image ${disk} cannot be read: ${cause.message}`, { cause });
  });
  const card = 2 ** Math.ceil(Math.log2(size));
  if (card > size) await truncate(disk, card);
}
