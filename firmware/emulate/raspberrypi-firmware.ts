import { closeSync, openSync, readSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type FatVolume, openFat } from '@nodeos/contracts/fat.ts';
import { decodeMbr, type MbrPartition, SECTOR_BYTES } from '../formats/mbr.ts';
import {
  bootFiles,
  type Conditions,
  lastOf,
  RASPBERRY_PI_MODELS,
  type RaspberryPiModel,
  readSettings,
} from '../plan/raspberrypi-rules.ts';
import { runTool } from '../run-tool.ts';

export interface LoadedByFirmware {
  readonly partition: number;
  readonly kernel: Buffer;
  readonly initramfs: Buffer | null;
  /** With the overlays of config.txt applied. */
  readonly deviceTree: Buffer;
  readonly commandLine: string;
  /** What runs before the kernel and serves PSCI; QEMU has its own. */
  readonly armStub: Buffer | null;
}

const FILE_MAX_BYTES = 64 * 1_048_576;
/** The firmware reads no more of it (documentation, "autoboot.txt"). */
const AUTOBOOT_MAX_BYTES = 512;

/**
 * Reads a disk as the firmware of a Raspberry Pi does at a start: autoboot.txt on the first FAT partition, then
 * config.txt on the one that it names, then the files that this names.
 * @param image raw disk
 * @param options `model`: QEMU's name of the machine; `tryboot`: the system before asked for it
 * @throws NodeosError INPUT_INVALID, FILE_UNREADABLE where the firmware would find nothing to start
 */
export async function readAsFirmware(
  image: string,
  options: { readonly model: string; readonly tryboot: boolean },
): Promise<LoadedByFirmware> {
  const board = RASPBERRY_PI_MODELS[options.model];
  if (!board) throw new NodeosError('INPUT_INVALID', `${options.model} is no Raspberry Pi of QEMU`);
  const file = openSync(image, 'r');
  try {
    const read = (offset: number, length: number): Buffer => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(file, bytes, 0, length, offset));
    };
    return await load(read, board, options.tryboot);
  } finally {
    closeSync(file);
  }
}

type Read = (offset: number, length: number) => Buffer;

async function load(read: Read, board: RaspberryPiModel, tryboot: boolean): Promise<LoadedByFirmware> {
  const table = decodeMbr(read(0, SECTOR_BYTES)).partitions;
  const partitions = table.map((partition, index) => ({ ...partition, number: index + 1 }));
  const volumeOf = ({ start }: MbrPartition): FatVolume =>
    openFat((offset, length) => read(start * SECTOR_BYTES + offset, length));
  const first = partitions.find(({ type }) => type === 0x0c || type === 0x0e || type === 0x0b);
  if (!first) throw new NodeosError('INPUT_INVALID', 'the disk has no FAT partition that a Raspberry Pi could boot');
  const conditions: Conditions = { filters: board.filters, tryboot };
  const auto = readAutoboot(volumeOf(first), conditions);
  const chosen = partitions.find(({ number }) => number === (auto.partition ?? first.number));
  if (!chosen)
    throw new NodeosError('INPUT_INVALID', `autoboot.txt names partition ${auto.partition}, which is not there`);
  const volume = volumeOf(chosen);
  const config = tryboot && !auto.wholePartitions ? '/tryboot.txt' : '/config.txt';
  const files = bootFiles(readSettings(volume.readFile(config).toString('latin1'), conditions), board);
  const take = (name: string): Buffer => volume.readFile(`/${name}`, FILE_MAX_BYTES);
  return {
    partition: chosen.number,
    kernel: take(files.kernel),
    initramfs: files.initramfs === null ? null : take(files.initramfs),
    deviceTree: await withOverlays(
      take(files.deviceTree),
      files.overlays.map((name) => take(`overlays/${name}.dtbo`)),
    ),
    // One line; the firmware takes the first.
    commandLine: take(files.commandLine).toString('latin1').split('\n')[0]?.trim() ?? '',
    armStub: files.armStub === null ? null : take(files.armStub),
  };
}

function readAutoboot(
  volume: FatVolume,
  conditions: Conditions,
): { partition: number | null; wholePartitions: boolean } {
  if (volume.find('/autoboot.txt') === null) return { partition: null, wholePartitions: false };
  const text = volume.readFile('/autoboot.txt').subarray(0, AUTOBOOT_MAX_BYTES).toString('latin1');
  // Model filters are not among those that it knows.
  const settings = readSettings(text, { ...conditions, filters: [] });
  const partition = Number(lastOf(settings, 'boot_partition') ?? '0');
  return { partition: partition > 0 ? partition : null, wholePartitions: lastOf(settings, 'tryboot_a_b') === '1' };
}

async function withOverlays(deviceTree: Buffer, overlays: readonly Buffer[]): Promise<Buffer> {
  if (overlays.length === 0) return deviceTree;
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-overlays-'));
  try {
    const write = async (name: string, bytes: Buffer): Promise<string> => {
      const path = join(folder, name);
      await writeFile(path, bytes);
      return path;
    };
    const base = await write('base.dtb', deviceTree);
    const files = await Promise.all(overlays.map((bytes, index) => write(`${index}.dtbo`, bytes)));
    const output = join(folder, 'whole.dtb');
    await runTool('fdtoverlay', ['-i', base, '-o', output, ...files]);
    return await readFile(output);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
