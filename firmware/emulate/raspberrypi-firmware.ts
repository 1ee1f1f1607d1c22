import { closeSync, openSync, readSync } from 'node:fs';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type FatVolume, openFat } from '@nodeos/contracts/fat.ts';
import { decodeMbr, SECTOR_BYTES } from '../formats/mbr.ts';
import { handedOverTree } from './raspberrypi-device-tree.ts';
import { type RaspberryPiModel, raspberryPiModel } from './raspberrypi-models.ts';
import { AUTOBOOT_MAX_BYTES, applicableSettings, lastSetting, type Setting } from './raspberrypi-settings.ts';

export interface FirmwareOptions {
  /** Name of QEMU's machine, e.g. `raspi3b`. */
  readonly model: string;
  /** The system that ran before asked for it by reboot("0 tryboot"). */
  readonly tryboot: boolean;
}

/** What the firmware leaves in memory before it starts the processor, and where it found it. */
export interface FirmwareResult {
  readonly partition: number;
  readonly kernel: Buffer;
  readonly initramfs: Buffer | null;
  /** With the overlays applied and the facts about this boot in `/chosen/bootloader`. */
  readonly deviceTree: Buffer;
  readonly commandLine: string;
  readonly armStub: Buffer | null;
  /** Paths of what was read in that partition. */
  readonly files: {
    readonly config: string;
    readonly kernel: string;
    readonly initramfs: readonly string[];
    readonly deviceTree: string;
    readonly overlays: readonly string[];
    readonly commandLine: string;
    readonly armStub: string | null;
  };
}

const FILE_MAX_BYTES = 256 * 1_048_576;
/** Type bytes of partitions that the boot ROM takes for FAT. */
const FAT_TYPES: ReadonlySet<number> = new Set([0x01, 0x04, 0x06, 0x0b, 0x0c, 0x0e]);

/**
 * Reads a disk as the Raspberry Pi's firmware does, by its documentation alone (autoboot.txt, config.txt, Conditional
 * filters, Fail-safe OS updates, The boot folder). It shares no code with what writes those files.
 * @param image raw disk image
 * @throws NodeosError INPUT_INVALID where the firmware would find nothing to start; FILE_UNREADABLE, TOOL_MISSING
 */
export async function readAsFirmware(image: string, options: FirmwareOptions): Promise<FirmwareResult> {
  const model = raspberryPiModel(options.model);
  const file = openImage(image);
  try {
    const disk = openDisk(file);
    const boot = choosePartition(disk, model, options.tryboot);
    const settings = readConfig(boot, model, options.tryboot);
    const found = findFiles(boot.volume, settings, model);
    const read = (path: string): Buffer => readWhole(boot.volume, path);
    const overlays = found.overlays.map(read);
    return {
      partition: boot.partition,
      kernel: read(found.kernel),
      initramfs: found.initramfs.length === 0 ? null : Buffer.concat(found.initramfs.map(read)),
      deviceTree: await handedOverTree(read(found.deviceTree), overlays, {
        partition: boot.partition,
        tryboot: options.tryboot,
      }),
      commandLine: firstLine(read(found.commandLine)),
      armStub: found.armStub === null ? null : read(found.armStub),
      files: { config: boot.config, ...found },
    };
  } finally {
    closeSync(file);
  }
}

interface Disk {
  /** By number, from 1; null where there is no FAT. */
  readonly volumes: readonly (FatVolume | null)[];
}

interface BootPartition {
  readonly partition: number;
  readonly volume: FatVolume;
  readonly config: string;
}

function openImage(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw new NodeosError('FILE_UNREADABLE', `${path}: ${(cause as Error).message}`, { cause });
  }
}

function openDisk(file: number): Disk {
  const read = (offset: number, length: number): Buffer => {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(file, bytes, 0, length, offset));
  };
  const { partitions } = decodeMbr(read(0, SECTOR_BYTES));
  const volumes = partitions.map(({ type, start }) => {
    if (!FAT_TYPES.has(type)) return null;
    try {
      return openFat((offset, length) => read(start * SECTOR_BYTES + offset, length));
    } catch {
      return null;
    }
  });
  return { volumes };
}

function choosePartition({ volumes }: Disk, model: RaspberryPiModel, tryboot: boolean): BootPartition {
  const first = volumes.findIndex((volume) => volume !== null) + 1;
  const firstVolume = volumes[first - 1];
  if (!firstVolume) throw nothing('there is no FAT partition');
  if (model.secondStage !== null && !firstVolume.find(`/${model.secondStage}`))
    throw nothing(`the boot ROM finds no ${model.secondStage} on partition ${first}`);
  const settings = readAutoboot(firstVolume, tryboot);
  const asked = Number(lastSetting(settings, 'boot_partition') ?? 0);
  const inPartition = lastSetting(settings, 'tryboot_a_b') === '1';
  const config = tryboot && !inPartition ? '/tryboot.txt' : '/config.txt';
  // What cannot be booted is passed over for the first partition (rpi-eeprom, release notes of 2022-10-18).
  for (const partition of [asked, first]) {
    const volume = volumes[partition - 1];
    if (volume?.find(`/${model.firmwareFile}`)) return { partition, volume, config };
  }
  throw nothing(`neither partition ${asked || first} nor partition ${first} holds ${model.firmwareFile}`);
}

function readAutoboot(volume: FatVolume, tryboot: boolean): Setting[] {
  const entry = volume.find('/autoboot.txt');
  if (!entry) return [];
  if (entry.bytes > AUTOBOOT_MAX_BYTES)
    throw nothing(`autoboot.txt has ${entry.bytes} bytes; the firmware reads ${AUTOBOOT_MAX_BYTES}`);
  const text = volume.readFile('/autoboot.txt', AUTOBOOT_MAX_BYTES).toString('latin1');
  if (/^\[(?!all\]|none\]|tryboot\])/m.test(text)) throw nothing('autoboot.txt knows [all], [none] and [tryboot] only');
  return applicableSettings(text, { tryboot, models: [] });
}

function readConfig({ volume, config }: BootPartition, model: RaspberryPiModel, tryboot: boolean): Setting[] {
  if (!volume.find(config)) return [];
  return applicableSettings(readWhole(volume, config).toString('latin1'), { tryboot, models: model.filters });
}

type FoundFiles = Omit<FirmwareResult['files'], 'config'>;

function findFiles(volume: FatVolume, settings: readonly Setting[], model: RaspberryPiModel): FoundFiles {
  const setting = (name: string): string | undefined => lastSetting(settings, name);
  const upstream = setting('upstream_kernel') === '1';
  const kernel = setting('kernel') ?? (setting('arm_64bit') === '1' ? 'kernel8.img' : model.kernel);
  const { own, upstream: upstreamName } = model.deviceTree;
  const trees =
    setting('device_tree') !== undefined ? [setting('device_tree') as string] : upstream ? [upstreamName, own] : [own];
  const exists = (path: string): boolean => volume.find(path) !== null;
  // A prefix counts only where kernel and device tree are found by it (config.txt, os_prefix).
  const wanted = setting('os_prefix') ?? (upstream ? 'upstream/' : '');
  const viable = exists(underPrefix(wanted, kernel)) && trees.some((name) => exists(underPrefix(wanted, name)));
  const path = (name: string): string => underPrefix(viable ? wanted : '', name);
  const tree = trees.find((name) => exists(path(name)));
  if (tree === undefined) throw nothing(`there is no device tree ${trees.join(' or ')}`);
  const prefix = setting('overlay_prefix') ?? 'overlays/';
  const overlays = settings
    .filter(([name]) => name === 'dtoverlay')
    .map(([, value]) => value.split(/[,:]/)[0] as string);
  return {
    kernel: path(kernel),
    initramfs: initramfsNames(settings).map(path),
    deviceTree: path(tree),
    overlays: overlays.filter(Boolean).map((name) => underPrefix('', `${prefix}${name}.dtbo`)),
    commandLine: path(setting('cmdline') ?? 'cmdline.txt'),
    armStub: setting('armstub') ? path(setting('armstub') as string) : null,
  };
}

/** `initramfs a,b followkernel`, or ramfsfile=. */
function initramfsNames(settings: readonly Setting[]): string[] {
  const names = lastSetting(settings, 'initramfs')?.split(/\s+/)[0] ?? lastSetting(settings, 'ramfsfile');
  return names ? names.split(',') : [];
}

/** A name that begins with a slash is taken as it is. */
function underPrefix(prefix: string, name: string): string {
  return name.startsWith('/') ? name : `/${prefix}${name}`;
}

function readWhole(volume: FatVolume, path: string): Buffer {
  if (!volume.find(path)) throw nothing(`there is no ${path}`);
  return volume.readFile(path, FILE_MAX_BYTES);
}

function firstLine(text: Buffer): string {
  return (text.toString('latin1').split(/\r?\n/, 1)[0] as string).trim();
}

function nothing(why: string): NodeosError {
  return new NodeosError('INPUT_INVALID', `the Raspberry Pi's firmware would start nothing: ${why}`);
}
