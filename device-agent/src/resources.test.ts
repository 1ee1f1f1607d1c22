import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { constants, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { loadIdentity } from './identity.ts';
import { reformatData } from './reformat.ts';
import { openStateStore } from './state.ts';
import { desired, TestDevice, until } from './updater/device.test-support.ts';
import { type Disk, systemDisk } from './updater/disk.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nodeos-resources-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const fault = (code: string) => Object.assign(new Error(`${code}: a fault of the medium`), { code });

/** Writes fail where the test says so. */
function failingDisk(fails: (path: string) => string | null, base: Disk = systemDisk): Disk {
  const check = (path: string) => {
    const code = fails(path);
    if (code) throw fault(code);
  };
  return {
    ...base,
    async open(path, flags, mode) {
      if (flags === 'w') check(path);
      const file = await base.open(path, flags, mode);
      const write = async (buffer: Uint8Array, position: number) => {
        check(path);
        await file.write(buffer, position);
      };
      return {
        fd: file.fd,
        read: file.read.bind(file),
        write,
        truncate: file.truncate.bind(file),
        sync: file.sync.bind(file),
        close: file.close.bind(file),
      };
    },
    async rename(from, to) {
      check(to);
      await base.rename(from, to);
    },
  };
}

for (const [what, code] of [
  ['data partition full', 'ENOSPC'],
  ['no inode left', 'ENOSPC'],
  ['medium turned read-only', 'EROFS'],
  ['medium that fails', 'EIO'],
] as const) {
  test(`${what}: the running version goes on, the server is told, and it works once there is room`, async () => {
    const device = new TestDevice();
    try {
      device.publishApp('1.0.0');
      device.publishApp('2.0.0');
      await device.coldBoot();
      await device.deploy({ hello: '1.0.0' });
      let broken = true;
      const { connect } = device.disk;
      device.disk.connect = () =>
        failingDisk((path) => (broken && path.includes('/bundles/') ? code : null), connect.call(device.disk));
      await device.coldBoot();
      await device.deploy({ hello: '2.0.0' }, null, 'd2');
      assert.match(
        device.outcome('2.0.0')?.reason ?? '',
        code === 'ENOSPC' ? /^DISK_FULL: the data partition is full/ : /a fault of the medium/,
      );
      assert.equal(device.runningVersion(), '1.0.0');
      broken = false;
      device.updater.apply(desired({ hello: '2.0.0' }, null, 'd3', 3));
      await until(() => device.runningVersion() === '2.0.0', 'the update');
    } finally {
      device.dispose();
    }
  });
}

test('a state that cannot be written changes nothing, and can be written later', async () => {
  let broken = true;
  const store = await openStateStore(
    failingDisk(() => (broken ? 'ENOSPC' : null)),
    folder,
  );
  const change = store.update((state) => ({ ...state, failed: { x: { deployment: null, reason: 'why' } } }));
  await assert.rejects(change, { code: 'ENOSPC' });
  assert.deepEqual(store.state.failed, {});
  broken = false;
  await store.update((state) => ({ ...state, failed: { y: { deployment: null, reason: 'why' } } }));
  assert.deepEqual(Object.keys((await openStateStore(systemDisk, folder)).state.failed), ['y']);
});

test('a write-protected medium still tells who the device is, also with one copy torn', async () => {
  const medium = join(folder, 'disk');
  writeFileSync(medium, '');
  truncateSync(medium, 2 * 1_048_576);
  const { serial } = await loadIdentity(medium, folder);
  const torn = await systemDisk.open(medium, 'r+');
  await torn.write(Buffer.alloc(512, 0xff), 0x10_0000);
  await torn.close();
  const protectedDisk: Disk = {
    ...systemDisk,
    async open(path, flags, mode) {
      if (flags === constants.O_RDWR) throw fault('EROFS');
      return systemDisk.open(path, flags, mode);
    },
  };
  assert.equal((await loadIdentity(medium, folder, protectedDisk)).serial, serial);
  const failing = failingDisk(() => 'EIO');
  assert.equal((await loadIdentity(medium, folder, failing)).serial, serial);
});

test('the data partition is made anew only while it is not in use', async () => {
  const partition = join(folder, 'partition');
  writeFileSync(partition, 'damaged beyond repair');
  truncateSync(partition, 32 * 1_048_576);
  await assert.rejects(reformatData({ data: 'disk', data_part: partition }), { code: 'CONFLICT' });
  await assert.rejects(reformatData({ data: 'ram', data_part: '' }), { code: 'CONFLICT' });
  await assert.rejects(reformatData({ data: 'ram', data_part: '/nonexistent' }), { code: 'DATA_UNAVAILABLE' });
  await reformatData({ data: 'ram', data_part: partition });
  assert.match(
    execFileSync('e2fsck', ['-fn', partition], { encoding: 'utf8', stdio: 'pipe' }),
    /nodeos-data: \d+\/\d+ files/,
  );
});

test('one lock over every way in which an update can begin: two wishes at once never run two updates', async () => {
  const device = new TestDevice();
  try {
    device.publishApp('1.0.0');
    device.publishApp('2.0.0');
    device.publishSystem('1.1.0');
    await device.coldBoot();
    let active = 0;
    let most = 0;
    device.apps.activating = async () => {
      most = Math.max(most, ++active);
      await new Promise((resolve) => setTimeout(resolve, 20));
      active--;
    };
    for (let count = 0; count < 20; count++)
      device.updater.apply(desired({ hello: count % 2 ? '1.0.0' : '2.0.0' }, null, `d${count}`, count));
    device.updater.apply(desired({ hello: '2.0.0' }, '1.1.0', 'last', 21));
    assert.equal(await device.ended, 'kexec');
    assert.equal(most, 1);
    assert.equal(active, 0, 'the system was tried while an app was swapped');
  } finally {
    device.dispose();
  }
});

test('one lock also over a trial: no app is swapped before the system is confirmed', async () => {
  const device = new TestDevice();
  try {
    device.publishApp('1.0.0');
    device.publishSystem('1.1.0');
    await device.coldBoot();
    device.updater.apply(desired({}, '1.1.0'));
    assert.equal(await device.ended, 'kexec');
    device.limits = { ...device.limits, systemSoakMs: 150 };
    await device.trialBoot();
    const pointers: string[] = [];
    device.apps.activating = async () => void pointers.push(device.pointer.read());
    device.updater.apply(desired({ hello: '1.0.0' }, '1.1.0', 'd1', 2));
    await until(() => device.apps.running.has('hello'), 'the app');
    assert.deepEqual(pointers, ['b']);
  } finally {
    device.dispose();
  }
});

test('a pointer that cannot be moved: the slot that a cold boot takes is never written', async () => {
  const device = new TestDevice();
  try {
    device.publishSystem('1.1.0');
    await device.setAttempts(3);
    const { connect } = device.disk;
    device.disk.connect = () =>
      failingDisk((path) => (path.endsWith('/disk') ? 'EIO' : null), connect.call(device.disk));
    const before = device.slotBytes('a');
    await device.coldBoot();
    assert.deepEqual([device.slot, device.pointer.read()], ['b', 'a']);
    await until(() => device.events.some((event) => /^error: the trial: SLOT_WRITE_FAILED/.test(event)), 'the fault');
    device.updater.apply(desired({}, '1.1.0'));
    device.publishApp('1.0.0');
    device.updater.apply(desired({ hello: '1.0.0' }, '1.1.0', 'd1', 2));
    await until(() => device.apps.running.has('hello'), 'an app update, which needs no slot');
    assert.ok(device.slotBytes('a').equals(before), 'the slot of the next cold boot was written');
  } finally {
    device.dispose();
  }
});
