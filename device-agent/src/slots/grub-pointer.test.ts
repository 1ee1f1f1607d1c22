import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { renderEnvironmentBlock } from '@nodeos/contracts/grub-environment.ts';
import { type Disk, systemDisk } from '../updater/disk.ts';
import { openPointer } from './pointer.ts';

/** As the build lays p1 out: FAT16 of 32 MiB. */
const START = 4 * 1_048_576;
const BYTES = 32 * 1_048_576;
let folder: string;
let device: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nodeos-pointer-'));
  device = join(folder, 'disk');
  writeFileSync(device, '');
  truncateSync(device, START + BYTES);
  execFileSync(
    'mkfs.vfat',
    ['--invariant', '-F', '16', '--offset', String(START / 512), device, String(BYTES / 1024)],
    {
      stdio: 'pipe',
    },
  );
  execFileSync('mmd', ['-i', `${device}@@${START}`, '::grub'], { stdio: 'pipe' });
  put('grubenv', renderEnvironmentBlock({ nodeos_slot: 'a', other: 'kept' }));
  put('attempts', renderEnvironmentBlock({ nodeos_attempts: '2' }));
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (disk: Disk = systemDisk) => openPointer('grub', { disk, device, start: START });
function put(name: string, bytes: Buffer): void {
  writeFileSync(join(folder, name), bytes);
  execFileSync('mcopy', ['-o', '-i', `${device}@@${START}`, join(folder, name), `::grub/${name}`], { stdio: 'pipe' });
}
function take(name: string): Buffer {
  execFileSync('mcopy', ['-n', '-o', '-i', `${device}@@${START}`, `::grub/${name}`, join(folder, 'taken')], {
    stdio: 'pipe',
  });
  return readFileSync(join(folder, 'taken'));
}

test('pointer and count are read and changed by one sector each', async () => {
  const pointer = open();
  assert.equal(pointer.read(), 'a');
  assert.equal(pointer.readAttempts(), 2);
  const before = readFileSync(device);
  await pointer.confirm('b');
  await pointer.clearAttempts();
  assert.equal(pointer.read(), 'b');
  assert.equal(pointer.readAttempts(), 0);
  assert.ok(take('grubenv').equals(renderEnvironmentBlock({ nodeos_slot: 'b', other: 'kept' })));
  const after = readFileSync(device);
  const sectors = new Set<number>();
  for (let sector = 0; sector < after.length / 512; sector++) {
    const range = [sector * 512, (sector + 1) * 512] as const;
    if (!after.subarray(...range).equals(before.subarray(...range))) sectors.add(sector);
  }
  assert.equal(sectors.size, 2);
});

test('GRUB’s own tool reads what was written', (context) => {
  try {
    execFileSync('grub-editenv', ['--version'], { stdio: 'pipe' });
  } catch {
    context.skip('grub-editenv (grub-common) is not installed');
    return;
  }
  return open()
    .confirm('b')
    .then(() => {
      take('grubenv');
      const listed = execFileSync('grub-editenv', [join(folder, 'taken'), 'list'], { encoding: 'utf8' });
      assert.equal(listed, 'nodeos_slot=b\nother=kept\n');
    });
});

test('a count that is 0 already is not written', async () => {
  put('attempts', renderEnvironmentBlock({ nodeos_attempts: '0' }));
  const disk: Disk = { ...systemDisk, open: () => assert.fail('the disk was opened for writing') };
  await open(disk).clearAttempts();
});

test('a pointer that names no slot, or is missing, is an error with a code', () => {
  const pointer = open();
  put('grubenv', renderEnvironmentBlock({ nodeos_slot: 'c' }));
  assert.throws(
    () => pointer.read(),
    (error) => isNodeosError(error) && /nodeos_slot is "c"/.test(error.message),
  );
  put('grubenv', Buffer.alloc(1024));
  assert.throws(
    () => pointer.read(),
    (error) => isNodeosError(error) && /first line is missing/.test(error.message),
  );
  execFileSync('mdel', ['-i', `${device}@@${START}`, '::grub/grubenv'], { stdio: 'pipe' });
  assert.throws(
    () => pointer.read(),
    (error) => isNodeosError(error) && error.code === 'FILE_UNREADABLE',
  );
});

test('a medium that does not take or keep the sector is an error with a code', async () => {
  const failing: Disk = {
    ...systemDisk,
    open: async (path, flags, mode) => ({
      ...bound(await systemDisk.open(path, flags, mode)),
      write: async () => {
        throw Object.assign(new Error('input/output error'), { code: 'EIO' });
      },
    }),
  };
  await assert.rejects(
    open(failing).confirm('b'),
    (error) => isNodeosError(error) && error.code === 'SLOT_WRITE_FAILED' && /input\/output/.test(error.message),
  );
  const forgetful: Disk = {
    ...systemDisk,
    open: async (path, flags, mode) => ({ ...bound(await systemDisk.open(path, flags, mode)), write: async () => {} }),
  };
  await assert.rejects(
    open(forgetful).confirm('b'),
    (error) => isNodeosError(error) && error.code === 'SLOT_WRITE_FAILED' && /does not keep/.test(error.message),
  );
});

function bound(file: Awaited<ReturnType<Disk['open']>>) {
  return {
    fd: file.fd,
    read: file.read.bind(file),
    write: file.write.bind(file),
    truncate: file.truncate.bind(file),
    sync: file.sync.bind(file),
    close: file.close.bind(file),
  };
}
