import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { lastBootEvidence } from './last-boot.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nodeos-last-boot-'));
  mkdirSync(join(folder, 'watchdog/watchdog0'), { recursive: true });
  mkdirSync(join(folder, 'pstore'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const look = () => lastBootEvidence({ watchdog: join(folder, 'watchdog'), pstore: join(folder, 'pstore') });
const bootStatus = (text: string) => writeFileSync(join(folder, 'watchdog/watchdog0/bootstatus'), text);

test('nothing was kept: nothing is known', async () => {
  assert.equal(await look(), null);
  bootStatus('0\n');
  assert.equal(await look(), null);
  assert.equal(await lastBootEvidence({ watchdog: '/nonexistent', pstore: '/nonexistent' }), null);
});

test('a reset by the watchdog is told', async () => {
  bootStatus('32\n');
  assert.match((await look()) ?? '', /watchdog reset the machine/);
});

test('a kernel’s last words are told, and their record is removed', async () => {
  bootStatus('32\n');
  const record = join(folder, 'pstore/dmesg-efi_pstore-1');
  writeFileSync(
    record,
    'Panic#1 Part1\n<0>[    1.2] Kernel panic - not syncing: Attempted to kill init! exitcode=0x100\n<4>x\n',
  );
  assert.equal(await look(), 'the kernel panicked: Attempted to kill init! exitcode=0x100');
  assert.ok(!existsSync(record));
});

test('why init could not go on is told, out of the kernel’s log', async () => {
  const log = join(folder, 'pstore/console-ramoops-0');
  writeFileSync(log, '[    1.1] sd 0:0:0:0: [sda] Attached\n');
  assert.equal(await look(), null);
  writeFileSync(
    log,
    '[    1.1] sd 0:0\n[    1.2] init: cannot go on: mounting rootfs.sqfs: No such file or directory\n',
  );
  assert.equal(await look(), 'init could not go on: mounting rootfs.sqfs: No such file or directory');
});
