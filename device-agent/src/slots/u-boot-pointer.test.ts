import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { encodeUBootRecord } from '@nodeos/contracts/u-boot-environment.ts';
import { systemDisk } from '../updater/disk.ts';
import { openPointer, type Pointer } from './pointer.ts';

const FIRST = 0x20_0000;
const SECOND = 0x21_0000;
let folder: string;
let device: string;
let pointer: Pointer;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nodeos-pointer-'));
  device = join(folder, 'disk');
  const disk = Buffer.alloc(3 * 1_048_576);
  encodeUBootRecord({ sequence: 1, slot: 'a', once: null, attempts: 2 }).copy(disk, FIRST);
  writeFileSync(device, disk);
  pointer = openPointer('u-boot', { disk: systemDisk, device, start: 0 });
});
afterEach(() => rmSync(folder, { recursive: true }));

/** As U-Boot's own tool for Linux reads a record (libubootenv). */
function judge(offset: number): Record<string, string> {
  const config = join(folder, 'fw_env.config');
  writeFileSync(config, `${device} 0x${offset.toString(16)} 0x200\n`);
  const text = execFileSync('fw_printenv', ['-c', config], { encoding: 'utf8' });
  return Object.fromEntries(
    text
      .trim()
      .split('\n')
      .map((line) => line.split('=') as [string, string]),
  );
}

test('each change goes over the older record, with a higher sequence', async () => {
  assert.deepEqual([pointer.read(), pointer.readAttempts()], ['a', 2]);
  await pointer.clearAttempts();
  assert.deepEqual(judge(SECOND), {
    nodeos_attempts: '0',
    nodeos_once: 'none',
    nodeos_sequence: '2',
    nodeos_slot: 'a',
  });
  assert.equal(judge(FIRST).nodeos_sequence, '1');
  assert.equal(await pointer.takeOnce('b'), 'reboot');
  assert.deepEqual([judge(FIRST).nodeos_sequence, judge(FIRST).nodeos_once], ['3', 'b']);
  await pointer.forgetOnce();
  assert.deepEqual([judge(SECOND).nodeos_sequence, judge(SECOND).nodeos_once], ['4', 'none']);
  await pointer.confirm('b');
  assert.deepEqual([judge(FIRST).nodeos_sequence, judge(FIRST).nodeos_slot], ['5', 'b']);
  assert.equal(pointer.read(), 'b');
});

test('nothing is written where nothing changes', async () => {
  await pointer.clearAttempts();
  const before = readFileSync(device);
  await pointer.clearAttempts();
  await pointer.forgetOnce();
  assert.ok(readFileSync(device).equals(before));
});

test('a torn record leaves the one before it', async () => {
  await pointer.confirm('b');
  const disk = readFileSync(device);
  disk.fill(0xff, SECOND + 256, SECOND + 512);
  writeFileSync(device, disk);
  assert.equal(pointer.read(), 'a');
  await pointer.confirm('b');
  assert.equal(judge(SECOND).nodeos_slot, 'b');
});

test('no whole record is an error with a code', () => {
  writeFileSync(device, Buffer.alloc(3 * 1_048_576));
  assert.throws(
    () => pointer.read(),
    (error) => isNodeosError(error) && error.code === 'INPUT_INVALID' && /neither record/.test(error.message),
  );
});
