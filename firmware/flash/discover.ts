import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import { runTool } from '../run-tool.ts';
import { type BlockDevice, blockDevicesSchema, type Drive, drivesFrom, isOffered, LSBLK_COLUMNS } from './drives.ts';

/** Every drive of this computer, those that must not be written too. @throws NodeosError TOOL_MISSING, TOOL_FAILED */
export async function listDrives(signal?: AbortSignal): Promise<Drive[]> {
  return drivesFrom(await listBlockDevices(signal));
}

/**
 * The drive of a path: a device, a link to one such as `/dev/disk/by-id/…`, or an ordinary file in its place.
 * @throws NodeosError DRIVE_UNKNOWN, DRIVE_REFUSED for a partition
 */
export async function findDrive(path: string, signal?: AbortSignal): Promise<Drive> {
  const real = await realpath(path).catch((cause) => {
    throw new NodeosError('DRIVE_UNKNOWN', `there is no drive ${path}`, { cause });
  });
  const status = await stat(real);
  if (status.isFile()) return fileAsDrive(real, status.size);
  const devices = await listBlockDevices(signal);
  const found = drivesFrom(devices).find((drive) => drive.path === real);
  if (found !== undefined) return found;
  const whole = devices.find(({ children = [] }) => children.some((child) => child.path === real));
  if (whole === undefined) throw new NodeosError('DRIVE_UNKNOWN', `${path} is no drive`);
  throw new NodeosError('DRIVE_REFUSED', `${path} is a part of ${whole.path}`, {
    hint: `Name the whole drive: --drive ${whole.path}`,
  });
}

export interface DriveChange {
  readonly kind: 'plugged' | 'pulled';
  readonly drive: Drive;
}

/** How long a drive that was plugged in may stay unnoticed. */
const WATCH_STEP_MS = 500;

/**
 * Tells of drives that are plugged in and pulled out, until the signal is given. It looks at the sizes in sysfs: a card
 * that is put into a reader makes no new device, and not every computer has udev to tell.
 */
export async function* watchDrives(signal: AbortSignal): AsyncGenerator<DriveChange> {
  let sizes = await readSizes();
  try {
    for (let known = await listOffered(signal); ; ) {
      // A step of looking, not a wait for something to be over.
      await setTimeout(WATCH_STEP_MS, undefined, { signal });
      const now = await readSizes();
      if (now === sizes) continue;
      sizes = now;
      const drives = await listOffered(signal);
      yield* changesBetween(known, drives);
      known = drives;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function listOffered(signal: AbortSignal): Promise<Drive[]> {
  return (await listDrives(signal)).filter(isOffered);
}

/** What was pulled out comes first, so that a drive that changed its medium ends up plugged in. */
export function changesBetween(before: readonly Drive[], after: readonly Drive[]): DriveChange[] {
  const same = (one: Drive, other: Drive): boolean =>
    one.path === other.path && one.serial === other.serial && one.bytes === other.bytes;
  const without = (these: readonly Drive[], others: readonly Drive[]): Drive[] =>
    these.filter((drive) => !others.some((other) => same(drive, other)));
  return [
    ...without(before, after).map((drive) => ({ kind: 'pulled', drive }) as const),
    ...without(after, before).map((drive) => ({ kind: 'plugged', drive }) as const),
  ];
}

async function listBlockDevices(signal?: AbortSignal): Promise<readonly BlockDevice[]> {
  const { stdout } = await runTool('lsblk', ['--json', '--bytes', '--output', LSBLK_COLUMNS], { signal });
  return parseJson(blockDevicesSchema, stdout.toString(), 'the answer of lsblk').blockdevices;
}

async function readSizes(): Promise<string> {
  const names = (await readdir('/sys/block')).sort();
  const sizes = names.map((name) => readFile(`/sys/block/${name}/size`, 'utf8').catch(() => ''));
  return (await Promise.all(sizes)).map((size, index) => `${names[index]} ${size.trim()}`).join('\n');
}

function fileAsDrive(path: string, bytes: number): Drive {
  const rest = { serial: null, bus: 'file', removable: false, readOnly: false, mounts: [], systemUse: null };
  return { path, name: basename(path), bytes, ...rest };
}
