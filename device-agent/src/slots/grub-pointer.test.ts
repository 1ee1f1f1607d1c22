import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { renderEnvironmentBlock } from '@nodeos/contracts/grub-environment.ts';
import { type Disk, systemDisk } from '../updater/disk.ts';
import { FatDisk } from './fat-disk.testing.ts';
import { openPointer } from './pointer.ts';

let fat: FatDisk;

beforeEach(() => {
  fat = new FatDisk();
  fat.makeFolder('grub');
  put('grubenv', renderEnvironmentBlock({ nodeos_slot: 'a', other: 'kept' }));
  put('attempts', renderEnvironmentBlock({ nodeos_attempts: '2' }));
});
afterEach(() => fat.dispose());

const open = (disk: Disk = systemDisk) => openPointer('grub', { disk, device: fat.device, start: fat.start });
const put = (name: string, bytes: Buffer) => fat.put(`grub/${name}`, bytes);
const take = (name: string) => fat.take(`grub/${name}`);

test('pointer and count are read and changed by one sector each', async () => {
  const pointer = open();
  assert.equal(pointer.read(), 'a');
  assert.equal(pointer.readAttempts(), 2);
  const before = fat.read();
  await pointer.confirm('b');
  await pointer.clearAttempts();
  assert.equal(pointer.read(), 'b');
  assert.equal(pointer.readAttempts(), 0);
  assert.ok(take('grubenv').equals(renderEnvironmentBlock({ nodeos_slot: 'b', other: 'kept' })));
  assert.equal(fat.changedSectors(before), 2);
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
      const taken = join(fat.folder, 'taken');
      writeFileSync(taken, take('grubenv'));
      const listed = execFileSync('grub-editenv', [taken, 'list'], { encoding: 'utf8' });
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
  fat.delete('grub/grubenv');
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
