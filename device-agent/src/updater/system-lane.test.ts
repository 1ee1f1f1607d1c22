import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { WantedRelease } from '@nodeos/contracts/desired-state.ts';
import { desired, TestDevice, until } from './device.test-support.ts';
import { slotImage } from './slot-image.test-support.ts';

let device: TestDevice;
beforeEach(() => {
  device = new TestDevice();
});
afterEach(() => device.dispose());

test('a system release goes to the other slot, is tried, and moves the pointer only when it is confirmed', async () => {
  device.publishApp('1.0.0');
  device.publishSystem('1.1.0');
  await device.coldBoot();
  await device.deploy({ hello: '1.0.0' });
  device.updater.apply(desired({ hello: '1.0.0' }, '1.1.0'));
  assert.equal(await device.ended, 'kexec');
  assert.equal(device.loadedCommandLine, 'console=ttyS0 quiet nodeos.disk=0123abcd nodeos.slot=b nodeos.trial=240');
  assert.equal(device.wholeSystem('b'), '1.1.0');
  assert.equal(device.pointer.read(), 'a');
  device.serverUp = false;
  await device.trialBoot();
  assert.equal(device.updater.onTrial, true);
  assert.equal(device.runningVersion(), '1.0.0');
  assert.equal(device.updater.updates().at(-1)?.state, 'soaking');
  await device.setAttempts(2);
  device.updater.serverReachable();
  await until(() => !device.updater.onTrial, 'the confirmation');
  assert.deepEqual(device.words, ['kexec', 'confirmed']);
  assert.equal(device.pointer.read(), 'b');
  assert.equal(device.pointer.readAttempts(), 0);
  assert.equal(device.outcome('1.1.0')?.state, 'confirmed');
  await device.coldBoot();
  assert.equal(device.version, '1.1.0');
  device.updater.apply(desired({ hello: '1.0.0' }, '1.1.0'));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(device.words, ['kexec', 'confirmed']);
});

for (const [name, spoil, reason] of [
  ['does not reach the server', () => (device.serverUp = false), /the server was not reached/],
  ['has an app that is ill', () => device.apps.ill.add('1.0.0'), /hello is backing-off/],
  ['leaves no memory', () => (device.memory = { availableKiB: 4000, agentRssKiB: 60_000 }), /only 4000 KiB/],
] as const) {
  test(`a system that ${name} is rolled back and reported`, async () => {
    device.publishApp('1.0.0');
    device.publishSystem('1.1.0');
    await device.coldBoot();
    await device.deploy({ hello: '1.0.0' });
    device.updater.apply(desired({ hello: '1.0.0' }, '1.1.0'));
    assert.equal(await device.ended, 'kexec');
    spoil();
    device.limits = { ...device.limits, systemGatesTimeoutMs: 20 };
    await device.trialBoot();
    assert.equal(await device.ended, 'reboot');
    assert.equal(device.pointer.read(), 'a');
    device.serverUp = true;
    await device.coldBoot();
    assert.equal(device.version, '1.0.0');
    assert.match(device.outcome('1.1.0')?.reason ?? '', /^TRIAL_FAILED: /);
    assert.match(device.outcome('1.1.0')?.reason ?? '', reason);
    assert.equal(device.updater.onTrial, false);
    device.updater.apply(desired({ hello: '1.0.0' }, '1.1.0'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(!existsSync(join(device.folder, 'data/.system/last-failure')));
    assert.deepEqual(device.words, ['kexec', 'reboot']);
  });
}

test('what the old system could not do either does not count: server and app', async () => {
  device.publishApp('1.0.0');
  device.publishSystem('1.1.0');
  device.serverUp = false;
  await device.coldBoot();
  await device.deploy({ hello: '1.0.0' });
  device.apps.ill.add('1.0.0');
  device.updater.apply(desired({ hello: '1.0.0' }, '1.1.0'));
  assert.equal(await device.ended, 'kexec');
  await device.trialBoot();
  await until(() => !device.updater.onTrial, 'the confirmation');
  assert.equal(device.pointer.read(), 'b');
});

test('a trial that ended without a word, or with init’s word, is reported with the best reason', async () => {
  device.publishSystem('1.1.0');
  await device.coldBoot();
  device.updater.apply(desired({}, '1.1.0'));
  assert.equal(await device.ended, 'kexec');
  await device.coldBoot();
  assert.deepEqual(device.outcomes(), [], 'it may have been a power cut');
  device.updater.apply(desired({}, '1.1.0'));
  assert.equal(await device.ended, 'kexec');
  await device.coldBoot();
  assert.match(device.outcome('1.1.0')?.reason ?? '', /without a word \(panic, hang or power cut\)/);
  device.updater.apply(desired({}, '1.1.0', 'd2'));
  assert.equal(await device.ended, 'kexec');
  assert.ok(!device.http.requests.at(-1)?.startsWith('/targets/'), 'the slot was whole already');
  writeFileSync(join(device.folder, 'data/.system/last-failure'), 'agent crashed 3 times\n');
  device.evidence = 'the system hung';
  await device.coldBoot();
  assert.equal(device.outcomes().at(-1)?.reason, 'TRIAL_FAILED: agent crashed 3 times');
  device.updater.apply(desired({}, '1.1.0', 'd3'));
  assert.equal(await device.ended, 'kexec');
  await device.coldBoot();
  assert.equal(
    device.outcomes().at(-1)?.reason,
    'TRIAL_FAILED: the system hung',
    'hardware knows that it was no power cut',
  );
});

test('an agent that starts again in the boot of the preparation prepares the trial again', async () => {
  device.publishSystem('1.1.0');
  await device.coldBoot();
  device.updater.apply(desired({}, '1.1.0'));
  assert.equal(await device.ended, 'kexec');
  await device.restartAgent(0);
  assert.deepEqual(device.outcomes(), []);
  device.updater.apply(desired({}, '1.1.0'));
  await until(() => device.words.length === 2, 'the second try');
  assert.deepEqual(device.words, ['kexec', 'kexec']);
});

test('a kernel that cannot be loaded leaves the old system running', async () => {
  device.publishSystem('1.1.0');
  device.kexecError = 'kexec_file_load: Operation not permitted (EPERM)';
  await device.coldBoot();
  await device.deploy({}, '1.1.0');
  assert.match(device.outcome('1.1.0')?.reason ?? '', /^KEXEC_FAILED: .*EPERM/);
  assert.deepEqual(device.words, []);
  assert.equal(device.readState().systemTrial, null);
});

test('a slot image whose own manifest is not the signed one is never booted', async () => {
  const image = slotImage('1.1.0', device.repository.root, { nodeVersion: '24.0.0' });
  const signedAs = device.makeSystem('1.1.0');
  device.publishSystem('1.1.0', { bytes: image.bytes, manifest: signedAs.manifest });
  await device.coldBoot();
  await device.deploy({}, '1.1.0');
  assert.match(device.outcome('1.1.0')?.reason ?? '', /^RELEASE_INCOMPATIBLE: the manifest in the slot image/);
  assert.deepEqual(device.words, []);
});

test('a tampered slot image never becomes bootable', async () => {
  device.publishSystem('1.1.0');
  await device.coldBoot();
  const [path, bytes] = [...device.repository.blobs][0] as [string, Buffer];
  const tampered = Buffer.from(bytes);
  tampered[500_000] = (tampered[500_000] as number) ^ 1;
  device.repository.blobs.set(path, tampered);
  await device.deploy({}, '1.1.0');
  assert.match(device.outcome('1.1.0')?.reason ?? '', /^HASH_MISMATCH/);
  assert.ok(
    device
      .slotBytes('b')
      .subarray(0, 4096)
      .every((byte) => byte === 0),
  );
});

test('a damaged boot partition is told, and apps are updated all the same', async () => {
  device.publishApp('1.0.0');
  device.publishSystem('1.1.0');
  const path = join(device.folder, 'disk');
  const disk = readFileSync(path);
  disk.fill(0, 1_048_576, 1_048_576 + 512);
  writeFileSync(path, disk);
  await device.boot('a', 0);
  await device.deploy({ hello: '1.0.0' }, '1.1.0');
  assert.equal(device.runningVersion(), '1.0.0');
  assert.ok(device.events.some((event) => /pointer cannot be read/.test(event)));
  assert.match(device.outcome('1.1.0')?.reason ?? '', /not a whole FAT volume/);
  assert.equal(device.wholeSystem('b'), '1.0.0');
});

test('a system waits for whatever app holds updates back; a forced one does not', async () => {
  device.publishApp('1.0.0');
  device.publishSystem('1.1.0');
  await device.coldBoot();
  await device.deploy({ hello: '1.0.0' });
  const { promise, resolve } = Promise.withResolvers<void>();
  device.apps.holds.set('hello', promise);
  const wanted = desired({ hello: '1.0.0' }, '1.1.0');
  device.updater.apply(wanted);
  const reason = 'UPDATE_HELD: hello: a print is running';
  await until(() => device.updater.updates().some((status) => status.reason === reason), 'the wait');
  assert.deepEqual([device.words, device.readState().systemTrial], [[], null]);
  resolve();
  assert.equal(await device.ended, 'kexec');

  await device.coldBoot();
  device.apps.holds.set('hello', new Promise(() => {}));
  device.updater.apply({ ...wanted, system: { ...(wanted.system as WantedRelease), deployment: 'd2', force: true } });
  assert.equal(await device.ended, 'kexec');
});
