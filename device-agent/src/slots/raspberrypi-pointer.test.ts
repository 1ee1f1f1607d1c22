import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { systemDisk } from '../updater/disk.ts';
import { FatDisk } from './fat-disk.testing.ts';
import { openPointer, type Pointer } from './pointer.ts';

const SLOT_A = '[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n';
const SLOT_B = '[all]\ntryboot_a_b=1\nboot_partition=3\n[tryboot]\nboot_partition=2\n';
let fat: FatDisk;
let pointer: Pointer;

beforeEach(() => {
  fat = new FatDisk();
  put(SLOT_A);
  pointer = openPointer('raspberrypi', { disk: systemDisk, device: fat.device, start: fat.start });
});
afterEach(() => fat.dispose());

const put = (text: string) => fat.put('autoboot.txt', text);
const take = () => fat.take('autoboot.txt').toString();

test('the pointer is the partition of a cold boot; the other one is tried', async () => {
  assert.equal(pointer.read(), 'a');
  const before = fat.read();
  await pointer.confirm('b');
  assert.equal(take(), SLOT_B);
  assert.equal(pointer.read(), 'b');
  assert.equal(fat.changedSectors(before), 1);
  await pointer.confirm('a');
  assert.ok(fat.read().equals(before));
});

test('one boot of the other slot writes nothing', async () => {
  const before = fat.read();
  assert.equal(await pointer.takeOnce('b'), 'tryboot');
  await pointer.forgetOnce();
  await pointer.clearAttempts();
  assert.equal(pointer.readAttempts(), 0);
  assert.ok(fat.read().equals(before));
});

test('a file of somebody else is an error with a code, and is not written over', async () => {
  put('[all]\nboot_partition=2\n');
  assert.throws(
    () => pointer.read(),
    (error) => isNodeosError(error) && error.code === 'INPUT_INVALID' && /names no slot/.test(error.message),
  );
  await assert.rejects(
    pointer.confirm('b'),
    (error) => isNodeosError(error) && error.code === 'SLOT_WRITE_FAILED' && /23 bytes instead of/.test(error.message),
  );
  assert.equal(take(), '[all]\nboot_partition=2\n');
});
