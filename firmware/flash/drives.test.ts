import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJson } from '@nodeos/contracts/validate.ts';
import { changesBetween } from './discover.ts';
import {
  assertLargeEnough,
  assertMayFlash,
  type BlockDevice,
  blockDevicesSchema,
  drivesFrom,
  isOffered,
} from './drives.ts';

const GB = 1_000_000_000;
const blank = { ro: false, rm: false, hotplug: false, tran: null, vendor: null, model: null, serial: null };
function device(path: string, more: Partial<BlockDevice> = {}): BlockDevice {
  return { ...blank, path, type: 'disk', size: 32 * GB, fstype: null, mountpoints: [null], ...more };
}
const stick = device('/dev/sdb', { rm: true, hotplug: true, tran: 'usb', vendor: 'SanDisk ', model: 'Ultra' });
const [usbStick] = drivesFrom([{ ...stick, vendor: 'SanDisk' }]);

test('a USB stick and a card are offered, a built-in disk and a loop device are not', () => {
  const drives = drivesFrom([
    stick,
    device('/dev/mmcblk0'),
    device('/dev/nvme0n1', { tran: 'nvme' }),
    device('/dev/loop0', { type: 'loop' }),
    device('/dev/sr0', { type: 'rom', rm: true }),
  ]);
  assert.deepEqual(
    drives.map((drive) => [drive.path, drive.bus, isOffered(drive)]),
    [
      ['/dev/sdb', 'usb', true],
      ['/dev/mmcblk0', 'mmc', true],
      ['/dev/nvme0n1', 'nvme', false],
      ['/dev/loop0', 'loop', false],
    ],
  );
  assert.doesNotThrow(() => assertMayFlash(drives[0] as never));
  assert.throws(() => assertMayFlash(drives[2] as never), { code: 'DRIVE_REFUSED', hint: /--internal/ });
  assert.doesNotThrow(() => assertMayFlash(drives[2] as never, true));
});

for (const [title, children, reason] of [
  ['the root', [device('/dev/sdb1', { type: 'part', mountpoints: ['/'] })], /it holds \/ of/],
  ['/boot', [device('/dev/sdb1', { type: 'part', mountpoints: ['/boot/efi'] })], /\/boot\/efi/],
  ['swap', [device('/dev/sdb1', { type: 'part', mountpoints: ['[SWAP]'] })], /swap/],
  [
    'the root through a volume group on an encrypted partition',
    [
      device('/dev/sdb1', {
        type: 'part',
        fstype: 'crypto_LUKS',
        children: [
          device('/dev/mapper/crypt', {
            type: 'crypt',
            children: [device('/dev/mapper/vg-root', { type: 'lvm', mountpoints: ['/'] })],
          }),
        ],
      }),
    ],
    /it holds \//,
  ],
  [
    '/home through a RAID',
    [
      device('/dev/sdb1', {
        type: 'part',
        children: [device('/dev/md0', { type: 'raid1', mountpoints: ['/media/x', '/home'] })],
      }),
    ],
    /\/home/,
  ],
  ['a part of a ZFS pool', [device('/dev/sdb1', { type: 'part', fstype: 'zfs_member' })], /pool/],
] satisfies [string, BlockDevice[], RegExp][])
  test(`a stick that holds ${title} is never offered, nor written when named`, () => {
    const [drive] = drivesFrom([{ ...stick, children }]);
    assert.ok(drive !== undefined && !isOffered(drive));
    assert.throws(() => assertMayFlash(drive, true), { code: 'DRIVE_REFUSED', message: reason });
  });

test('a stick with a mounted partition of its own is offered, with where it is mounted', () => {
  const children = [device('/dev/sdb1', { type: 'part', mountpoints: ['/media/ann/STICK', null] })];
  const [drive] = drivesFrom([{ ...stick, children }]);
  assert.ok(drive !== undefined && isOffered(drive));
  assert.deepEqual(drive.mounts, ['/media/ann/STICK']);
});

test('write-protected drives and empty readers are refused', () => {
  const [locked, empty] = drivesFrom([
    { ...stick, ro: true },
    { ...stick, size: 0 },
  ]);
  assert.ok(locked !== undefined && empty !== undefined && !isOffered(locked) && !isOffered(empty));
  assert.throws(() => assertMayFlash(locked), { code: 'DRIVE_REFUSED', message: /write-protected/ });
  assert.throws(() => assertMayFlash(empty), { code: 'DRIVE_REFUSED', message: /no medium/ });
});

test('a drive must hold the image', () => {
  assert.ok(usbStick !== undefined);
  assert.doesNotThrow(() => assertLargeEnough(usbStick, 32 * GB));
  assert.throws(() => assertLargeEnough(usbStick, 32 * GB + 1), { code: 'DRIVE_TOO_SMALL' });
});

test('what was plugged in and pulled out is told apart, a changed card is both', () => {
  assert.ok(usbStick !== undefined);
  const other = { ...usbStick, path: '/dev/sdc' };
  const kinds = (before: (typeof other)[], after: (typeof other)[]): string[] =>
    changesBetween(before, after).map(({ kind, drive }) => `${kind} ${drive.path}`);
  assert.deepEqual(kinds([usbStick], [usbStick, other]), ['plugged /dev/sdc']);
  assert.deepEqual(kinds([usbStick, other], [other]), ['pulled /dev/sdb']);
  assert.deepEqual(kinds([usbStick], [{ ...usbStick, bytes: 64 * GB }]), ['pulled /dev/sdb', 'plugged /dev/sdb']);
  assert.deepEqual(kinds([usbStick], [{ ...usbStick, mounts: ['/media/x'] }]), []);
});

test('the words of lsblk are understood', () => {
  const text = `{"blockdevices":[{"path":"/dev/sdb","type":"disk","size":31914983424,"ro":false,"rm":true,"hotplug":true,
    "tran":"usb","vendor":"SanDisk ","model":"Ultra USB 3.0","serial":"4C53","fstype":null,"mountpoints":[null],
    "children":[{"path":"/dev/sdb1","type":"part","size":1,"ro":false,"rm":true,"hotplug":true,"tran":null,"vendor":null,
    "model":null,"serial":null,"fstype":"vfat","mountpoints":["/media/ann/X"]}]}]}`;
  const [drive] = drivesFrom(parseJson(blockDevicesSchema, text, 'lsblk').blockdevices);
  assert.deepEqual(drive, {
    path: '/dev/sdb',
    name: 'SanDisk Ultra USB 3.0',
    serial: '4C53',
    bytes: 31_914_983_424,
    bus: 'usb',
    removable: true,
    readOnly: false,
    mounts: ['/media/ann/X'],
    systemUse: null,
  });
});
