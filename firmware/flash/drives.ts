import { NodeosError } from '@nodeos/contracts/errors.ts';
import * as z from 'zod';

/** Something that an image can be written to. */
export interface Drive {
  /** Whole device, e.g. `/dev/sdb`. */
  readonly path: string;
  /** Maker and model, or what else tells it apart. */
  readonly name: string;
  readonly serial: string | null;
  readonly bytes: number;
  /** `usb`, `mmc`, `sata`, `nvme`, `loop`, `file`, … */
  readonly bus: string;
  /** Meant to be plugged in and pulled out. */
  readonly removable: boolean;
  readonly readOnly: boolean;
  /** Where something of it is mounted. */
  readonly mounts: readonly string[];
  /** Why this computer cannot do without it, null where it can. */
  readonly systemUse: string | null;
}

export interface BlockDevice {
  readonly path: string;
  readonly type: string;
  readonly size: number;
  readonly ro: boolean;
  readonly rm: boolean;
  readonly hotplug: boolean;
  readonly tran: string | null;
  readonly vendor: string | null;
  readonly model: string | null;
  readonly serial: string | null;
  readonly fstype: string | null;
  readonly mountpoints: readonly (string | null)[];
  readonly children?: readonly BlockDevice[] | undefined;
}

/** Columns of lsblk(8) that `blockDevicesSchema` expects. */
export const LSBLK_COLUMNS = 'PATH,TYPE,SIZE,RO,RM,HOTPLUG,TRAN,VENDOR,MODEL,SERIAL,FSTYPE,MOUNTPOINTS';

const text = z
  .string()
  .nullable()
  .transform((value) => value?.trim() || null);
const blockDeviceSchema: z.ZodType<BlockDevice> = z.object({
  path: z.string(),
  type: z.string(),
  size: z.number(),
  ro: z.boolean(),
  rm: z.boolean(),
  hotplug: z.boolean(),
  tran: text,
  vendor: text,
  model: text,
  serial: text,
  fstype: text,
  mountpoints: z.array(z.string().nullable()),
  get children() {
    return z.array(blockDeviceSchema).optional();
  },
});
export const blockDevicesSchema = z.object({ blockdevices: z.array(blockDeviceSchema) });

/** A device with any of these, or a folder below, is the running system's; `/` counts by itself. */
const SYSTEM_FOLDERS = ['/boot', '/efi', '/usr', '/etc', '/var', '/home', '/opt', '/srv', '/root', '/nix'];
/** In use by something that lsblk shows no mount point of. */
const POOL_MEMBERS = new Set(['zfs_member', 'bcache', 'ceph_bluestore']);

/** Whole drives out of what lsblk says; partitions, and what is made of them, count for the drive that holds them. */
export function drivesFrom(devices: readonly BlockDevice[]): Drive[] {
  return devices.filter(({ type }) => ['disk', 'loop'].includes(type)).map(toDrive);
}

function toDrive(device: BlockDevice): Drive {
  const all = descendants(device);
  const mounts = [...new Set(all.flatMap(({ mountpoints }) => mountpoints.filter((at) => at !== null)))];
  const bus = busOf(device);
  const name = [device.vendor, device.model].filter((part) => part !== null).join(' ');
  return {
    path: device.path,
    name: name || `${bus} drive`,
    serial: device.serial,
    bytes: device.size,
    bus,
    removable: device.type === 'disk' && (device.rm || device.hotplug || ['usb', 'mmc'].includes(bus)),
    readOnly: device.ro,
    mounts,
    systemUse: systemUse(all, mounts),
  };
}

function busOf({ path, type, tran }: BlockDevice): string {
  if (type === 'loop') return 'loop';
  return tran ?? (path.startsWith('/dev/mmcblk') ? 'mmc' : 'other');
}

function systemUse(all: readonly BlockDevice[], mounts: readonly string[]): string | null {
  const swap = mounts.includes('[SWAP]');
  if (swap) return 'it holds swap space in use';
  const needed = mounts.find(
    (at) => at === '/' || SYSTEM_FOLDERS.some((dir) => at === dir || at.startsWith(`${dir}/`)),
  );
  if (needed !== undefined) return `it holds ${needed} of this computer`;
  const pool = all.find(({ fstype }) => fstype !== null && POOL_MEMBERS.has(fstype));
  return pool === undefined ? null : `${pool.path} belongs to a pool (${pool.fstype})`;
}

function descendants(device: BlockDevice): BlockDevice[] {
  return [device, ...(device.children ?? []).flatMap(descendants)];
}

/** What a person is offered: drives that can be pulled out, hold a medium and are nobody's system. */
export function isOffered(drive: Drive): boolean {
  return drive.removable && drive.bytes > 0 && !drive.readOnly && drive.systemUse === null;
}

/**
 * Refuses a drive that must not, or cannot, be written.
 * @param internal true: a drive that is built in may be written too
 * @throws NodeosError DRIVE_REFUSED
 */
export function assertMayFlash(drive: Drive, internal = false): void {
  const refuse = (reason: string, hint?: string): never => {
    throw new NodeosError('DRIVE_REFUSED', `${describeDrive(drive)} is not written: ${reason}`, { hint });
  };
  if (drive.systemUse !== null) refuse(drive.systemUse);
  if (drive.readOnly) refuse('it is write-protected', 'Move the switch at the side of the card, or take another one.');
  if (drive.bytes === 0) refuse('it holds no medium', 'Put a card into the reader.');
  if (!drive.removable && !['loop', 'file'].includes(drive.bus) && !internal)
    refuse('it is built into this computer', 'Take a USB drive or a card, or say --internal if you mean this one.');
}

/** @throws NodeosError DRIVE_TOO_SMALL */
export function assertLargeEnough(drive: Drive, imageBytes: number): void {
  if (drive.bytes >= imageBytes) return;
  throw new NodeosError(
    'DRIVE_TOO_SMALL',
    `${describeDrive(drive)} has ${drive.bytes} bytes; the image needs ${imageBytes}`,
  );
}

export function describeDrive({ path, name }: Pick<Drive, 'path' | 'name'>): string {
  return `${path} (${name})`;
}
