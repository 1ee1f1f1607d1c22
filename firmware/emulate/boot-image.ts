import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import { copyDisk } from './disk-copy.ts';
import { putFleetFile } from './fleet-partition.ts';
import type { DiskBus, PortForward } from './machine.ts';
import { type Emulator, startEmulator } from './qemu.ts';
import { prepareFirmware } from './uefi.ts';

export interface BootImageOptions {
  readonly emulate: NonNullable<Board['emulate']>;
  /** Disk image; it is not changed unless `inPlace`. */
  readonly image: string;
  readonly inPlace?: boolean;
  /** Size of the medium that the copy stands for. */
  readonly mediumBytes?: number;
  /** Written on the first partition before the start. */
  readonly fleet?: FleetFile;
  readonly bus?: DiskBus;
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

const MEDIUM_BYTES = 1024 * 1_048_576;

/**
 * Boots a disk image as a machine with one disk, a network card and a serial console.
 * @throws NodeosError FILE_UNREADABLE, INPUT_INVALID, TOOL_MISSING, EMULATOR_FAILED, PORT_IN_USE, DISK_FULL
 */
export async function bootImage(options: BootImageOptions): Promise<ImageMachine> {
  const disk = options.inPlace ? options.image : join(options.folder, 'disk.img');
  if (!options.inPlace) await copyDisk(options.image, disk, options.mediumBytes ?? MEDIUM_BYTES);
  if (options.fleet) await putFleetFile(disk, options.fleet, options.signal);
  const firmware = await prepareFirmware(options.firmware ?? 'bios', options.folder);
  const emulator = await startEmulator({
    emulate: options.emulate,
    source: { kind: 'disk', path: disk, bus: options.bus ?? 'virtio', firmware },
    memoryMiB: options.memoryMiB ?? options.emulate.memoryMiB,
    forwards: options.forwards,
    cacheRoot: options.cacheRoot,
    logPath: join(options.folder, 'console.log'),
    signal: options.signal,
  });
  return { emulator, disk };
}
