import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { systemDisk } from '../updater/disk.ts';
import { openPointer, type Pointer } from './pointer.ts';

const START = 4 * 1_048_576;
const KIBIBYTES = 32 * 1024;
const SLOT_A = '[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n';
const SLOT_B = '[all]\ntryboot_a_b=1\nboot_partition=3\n[tryboot]\nboot_partition=2\n';
let folder: string;
let device: string;
let pointer: Pointer;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nodeos-pointer-'));
  device = join(folder, 'disk');
  writeFileSync(device, '');
  truncateSync(device, START + KIBIBYTES * 1024);
  const offset = String(START / 512);
  execFileSync('mkfs.vfat', ['--invariant', '-F', '16', '--offset', offset, device, String(KIBIBYTES)], {
    stdio: 'pipe',
  });
  put(SLOT_A);
  pointer = openPointer('raspberrypi', { disk: systemDisk, device, start: START });
});
afterEach(() => rmSync(folder, { recursive: true }));

function put(text: string): void {
  writeFileSync(join(folder, 'autoboot.txt'), text);
  execFileSync('mcopy', ['-o', '-i', `${device}@@${START}`, join(folder, 'autoboot.txt'), '::autoboot.txt']);
}
const take = () =>
  execFileSync('mcopy', ['-n', '-i', `${device}@@${START}`, '::autoboot.txt', '-'], { encoding: 'utf8' });

test('the pointer is the partition of a cold boot; the other one is tried', async () => {
  assert.equal(pointer.read(), 'a');
  const before = readFileSync(device);
  await pointer.confirm('b');
  assert.equal(take(), SLOT_B);
  assert.equal(pointer.read(), 'b');
  const after = readFileSync(device);
  const changed = Array.from({ length: after.length / 512 }, (_, sector) => sector * 512).filter(
    (at) => !after.subarray(at, at + 512).equals(before.subarray(at, at + 512)),
  );
  assert.equal(changed.length, 1, 'one sector');
  await pointer.confirm('a');
  assert.ok(readFileSync(device).equals(before));
});

test('one boot of the other slot writes nothing', async () => {
  const before = readFileSync(device);
  assert.equal(await pointer.takeOnce('b'), 'tryboot');
  await pointer.forgetOnce();
  await pointer.clearAttempts();
  assert.equal(pointer.readAttempts(), 0);
  assert.ok(readFileSync(device).equals(before));
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
