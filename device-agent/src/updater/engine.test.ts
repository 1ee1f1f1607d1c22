import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { updateStatusSchema } from '@nodeos/contracts/device-api.ts';
import { delay } from '../backoff.ts';
import { answerWith, makeKey, silentAnswer } from '../trust/repository.test-support.ts';
import { UNPROVEN_BOOTS_FILE } from './boot-count.ts';
import { desired, slotImage, TestDevice, until } from './device.test-support.ts';
import { systemDisk } from './disk.ts';

let device: TestDevice;
beforeEach(() => {
  device = new TestDevice();
});
afterEach(() => device.dispose());

const running = (name = 'hello') => device.apps.running.get(name)?.manifest.version;
const ended = () => device.updater.updates().filter(({ state }) => state === 'confirmed' || state === 'failed');
const readUnproven = (): number | null => {
  const path = join(device.stateDir, UNPROVEN_BOOTS_FILE);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).boots : null;
};
/** Every boot ends before the time has shown that the system is up. */
const neverHealthyByTime = (): void => {
  const { bootHealthyMs } = device.limits;
  device.time = {
    delay: (milliseconds, signal) =>
      milliseconds === bootHealthyMs ? new Promise(() => {}) : delay(milliseconds, signal),
  };
};
const outcome = (version: string) => ended().find((status) => status.version === version);
async function deploy(apps: Record<string, string>, system: string | null = null, deployment = 'd1'): Promise<void> {
  device.updater.apply(desired(apps, system, deployment));
  const versions = [...Object.values(apps), ...(system ? [system] : [])];
  await until(() => versions.every((version) => outcome(version)), `the end of ${versions}`);
}
const bundles = () => readdirSync(join(device.stateDir, 'bundles'));

test('an app is fetched, verified, activated and remembered; the next boot starts it', async () => {
  device.publishApp('1.0.0');
  await device.coldBoot();
  const seen = new Set<string>();
  device.apps.activating = async () => {
    for (const status of device.updater.updates()) seen.add(updateStatusSchema.parse(status).state);
  };
  await deploy({ hello: '1.0.0' });
  assert.equal(running(), '1.0.0');
  assert.deepEqual(outcome('1.0.0'), {
    lane: 'app',
    name: 'hello',
    version: '1.0.0',
    target: 'apps/hello/1.0.0/any.sqfs',
    deployment: 'd1',
    state: 'confirmed',
    percent: null,
    reason: null,
  });
  assert.deepEqual([...seen], ['installing']);
  assert.equal(device.updater.generation, 1);
  await device.coldBoot();
  assert.equal(running(), '1.0.0');
});

test('an acknowledged outcome is not told again', async () => {
  device.publishApp('1.0.0');
  await device.coldBoot();
  await deploy({ hello: '1.0.0' });
  await device.coldBoot();
  assert.equal(ended().length, 1);
  await device.updater.acknowledge([{ ...(ended()[0] as ReturnType<typeof ended>[0]), version: '9.9.9' }]);
  assert.equal(ended().length, 1);
  await device.updater.acknowledge(ended());
  assert.deepEqual(device.updater.updates(), []);
});

test('a version that does not start gives way to the previous one and is not tried again for its deployment', async () => {
  device.publishApp('1.0.0');
  device.publishApp('2.0.0');
  device.apps.broken.add('2.0.0');
  await device.coldBoot();
  await deploy({ hello: '1.0.0' });
  await deploy({ hello: '2.0.0' });
  assert.equal(running(), '1.0.0');
  assert.match(outcome('2.0.0')?.reason ?? '', /^APP_START_FAILED: hello 2\.0\.0 ended with exit code 1$/);
  assert.ok(device.events.some((event) => /^rollback: hello 2\.0\.0 failed/.test(event)));
  const requests = device.http.requests.length;
  await device.coldBoot();
  device.updater.apply(desired({ hello: '2.0.0' }));
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(device.http.requests.length, requests);
  assert.equal(running(), '1.0.0');
  device.apps.broken.clear();
  await device.updater.acknowledge(ended());
  await deploy({ hello: '2.0.0' }, null, 'd2');
  assert.equal(running(), '2.0.0');
  assert.deepEqual(device.readState().failed, {});
});

test('a tampered bundle is refused before anything runs, and is not fetched again', async () => {
  device.publishApp('1.0.0');
  const [path] = device.repository.blobs.keys();
  device.repository.blobs.set(path as string, Buffer.alloc(120_000, 'tampered'));
  await device.coldBoot();
  await deploy({ hello: '1.0.0' });
  assert.match(outcome('1.0.0')?.reason ?? '', /^HASH_MISMATCH/);
  assert.equal(running(), undefined);
  assert.deepEqual(bundles(), []);
  const requests = device.http.requests.length;
  device.updater.apply(desired({ hello: '1.0.0' }, null, 'd1', 2));
  await until(() => device.updater.generation === 2, 'the next generation');
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(device.http.requests.length, requests);
});

test('a release signed with the wrong key is refused before anything is fetched', async () => {
  device.publishApp('1.0.0');
  device.repository.publish(makeKey());
  await device.coldBoot();
  await deploy({ hello: '1.0.0' });
  assert.match(outcome('1.0.0')?.reason ?? '', /^METADATA_INVALID: targets was signed by 0\/1 keys/);
  assert.ok(!device.http.requests.some((request) => request.startsWith('/targets/')));
});

test('an app for another ABI, or one that is not published, fails with a reason', async () => {
  await device.coldBoot();
  await deploy({ hello: '7.0.0' });
  assert.match(outcome('7.0.0')?.reason ?? '', /^RELEASE_UNKNOWN/);
});

test('network errors are tried again, with the reason shown, until it works', async () => {
  device.publishApp('1.0.0');
  await device.coldBoot();
  let failures = 0;
  device.http.intercept = (path) => {
    if (!path.startsWith('/targets/') || failures >= 5) return null;
    failures++;
    return answerWith(503, Buffer.from('busy'));
  };
  device.updater.apply(desired({ hello: '1.0.0' }));
  await until(() => device.updater.updates().some(({ reason }) => /answered 503/.test(reason ?? '')), 'the reason');
  await until(() => outcome('1.0.0') !== undefined, 'the end');
  assert.equal(outcome('1.0.0')?.state, 'confirmed');
  assert.equal(failures, 5);
});

test('a transfer that breaks goes on after a restart of the agent', async () => {
  device.publishApp('1.0.0');
  device.limits = { ...device.limits, fetchRetryMinMs: 2_000, fetchRetryMaxMs: 2_000 };
  await device.coldBoot();
  const bytes = [...device.repository.blobs.values()][0] as Buffer;
  device.http.intercept = (path) => {
    if (!path.startsWith('/targets/')) return null;
    device.http.intercept = () => null;
    return { ...answerWith(200, bytes.subarray(0, 50_000)), headers: {} };
  };
  device.updater.apply(desired({ hello: '1.0.0' }));
  await until(() => device.updater.updates().some(({ reason }) => /50000 of/.test(reason ?? '')), 'the break');
  await device.restartAgent(0);
  await deploy({ hello: '1.0.0' });
  assert.match(device.http.requests.at(-1) ?? '', / bytes=50000-$/);
});

test('a newer desired state ends the wait and the transfer of what is no longer wanted', async () => {
  device.publishApp('1.0.0');
  device.publishApp('2.0.0');
  await device.coldBoot();
  device.http.intercept = (path) =>
    path.includes('/1.0.0/') ? silentAnswer(Buffer.alloc(1000), 200, { 'content-length': '120000' }) : null;
  device.limits = { ...device.limits, fetchRateWindowMs: 60_000 };
  device.updater.apply(desired({ hello: '1.0.0' }));
  await until(() => device.http.requests.some((request) => request.includes('/1.0.0/')), 'the transfer');
  device.updater.apply(desired({ hello: '2.0.0' }, null, 'd2', 2));
  device.updater.apply(desired({ hello: '2.0.0' }, null, 'd2', 3));
  await until(() => running() === '2.0.0', 'the newer version');
  await until(() => outcome('2.0.0') !== undefined, 'its end');
  assert.equal(outcome('1.0.0'), undefined);
  assert.deepEqual(
    device.updater.updates().map(({ version }) => version),
    ['2.0.0'],
  );
  assert.equal(device.updater.generation, 3);
});

test('one app that is stuck does not keep the others waiting', async () => {
  device.publishApp('1.0.0', 'alpha');
  device.publishApp('1.1.0', 'beta');
  await device.coldBoot();
  device.http.intercept = (path) => (path.includes('/alpha/') ? answerWith(503, Buffer.alloc(0)) : null);
  device.updater.apply(desired({ alpha: '1.0.0', beta: '1.1.0' }));
  await until(() => running('beta') === '1.1.0', 'beta');
  device.http.intercept = () => null;
  await until(() => running('alpha') === '1.0.0', 'alpha');
});

test('an app is removed when it is named, and its bundle is deleted', async () => {
  device.publishApp('1.0.0');
  await device.coldBoot();
  await deploy({ hello: '1.0.0' });
  assert.equal(bundles().length, 1);
  device.updater.apply({ ...desired({}), generation: 2 });
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(running(), '1.0.0');
  device.updater.apply({ ...desired({}), generation: 3, removeApps: ['hello'] });
  await until(() => running() === undefined && bundles().length === 0, 'the removal');
  await device.coldBoot();
  assert.equal(running(), undefined);
});

test('a bundle that is gone is fetched again', async () => {
  device.publishApp('1.0.0');
  await device.coldBoot();
  await deploy({ hello: '1.0.0' });
  rmSync(join(device.stateDir, 'bundles', bundles()[0] as string));
  await device.updater.acknowledge(ended());
  await device.coldBoot();
  assert.equal(running(), undefined);
  await deploy({ hello: '1.0.0' });
  assert.equal(running(), '1.0.0');
});

test('a version in whose activation the device goes down again and again is given up', async () => {
  device.publishApp('1.0.0');
  for (let boot = 0; boot < 3; boot++) {
    await device.coldBoot();
    let begun = false;
    device.apps.activating = () => {
      begun = true;
      return new Promise(() => {});
    };
    device.updater.apply(desired({ hello: '1.0.0' }));
    await until(() => begun, 'the activation');
  }
  await device.coldBoot();
  await deploy({ hello: '1.0.0' });
  assert.match(outcome('1.0.0')?.reason ?? '', /^APP_START_FAILED: the device went down again and again/);
});

test('a torn state gives way to the copy before it, and says so', async () => {
  device.publishApp('1.0.0');
  await device.coldBoot();
  await deploy({ hello: '1.0.0' });
  await device.updater.acknowledge(ended());
  truncateSync(join(device.stateDir, 'state.json'), 20);
  await device.coldBoot();
  assert.equal(running(), '1.0.0');
  assert.ok(device.events.some((event) => /stored state was damaged/.test(event)));
});

test('unknown errors end the update, not the agent', async () => {
  device.publishApp('1.0.0');
  await device.coldBoot();
  device.apps.activating = async () => {
    throw new TypeError('something unforeseen');
  };
  await deploy({ hello: '1.0.0' });
  assert.match(outcome('1.0.0')?.reason ?? '', /^INTERNAL: something unforeseen/);
  device.publishApp('1.1.0');
  device.apps.activating = async () => {};
  await deploy({ hello: '1.1.0' });
  assert.equal(running(), '1.1.0');
});

test('a system release goes to the other slot, is tried, and moves the pointer only when it is confirmed', async () => {
  device.publishApp('1.0.0');
  device.publishSystem('1.1.0');
  await device.coldBoot();
  await deploy({ hello: '1.0.0' });
  device.updater.apply(desired({ hello: '1.0.0' }, '1.1.0'));
  assert.equal(await device.ended, 'kexec');
  assert.equal(device.loadedCommandLine, 'console=ttyS0 quiet nodeos.disk=0123abcd nodeos.slot=b nodeos.trial=240');
  assert.equal(device.wholeSystem('b'), '1.1.0');
  assert.equal(device.pointer.read(), 'a');
  device.serverUp = false;
  await device.trialBoot();
  assert.equal(device.updater.onTrial, true);
  assert.equal(running(), '1.0.0');
  assert.equal(device.updater.updates().at(-1)?.state, 'soaking');
  await device.setAttempts(2);
  device.updater.serverReachable();
  await until(() => !device.updater.onTrial, 'the confirmation');
  assert.deepEqual(device.words, ['kexec', 'confirmed']);
  assert.equal(device.pointer.read(), 'b');
  assert.equal(device.pointer.readAttempts(), 0);
  assert.equal(outcome('1.1.0')?.state, 'confirmed');
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
    await deploy({ hello: '1.0.0' });
    device.updater.apply(desired({ hello: '1.0.0' }, '1.1.0'));
    assert.equal(await device.ended, 'kexec');
    spoil();
    await device.trialBoot();
    assert.equal(await device.ended, 'reboot');
    assert.equal(device.pointer.read(), 'a');
    device.serverUp = true;
    await device.coldBoot();
    assert.equal(device.version, '1.0.0');
    assert.match(outcome('1.1.0')?.reason ?? '', /^TRIAL_FAILED: /);
    assert.match(outcome('1.1.0')?.reason ?? '', reason);
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
  await deploy({ hello: '1.0.0' });
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
  assert.deepEqual(ended(), [], 'it may have been a power cut');
  device.updater.apply(desired({}, '1.1.0'));
  assert.equal(await device.ended, 'kexec');
  await device.coldBoot();
  assert.match(outcome('1.1.0')?.reason ?? '', /without a word \(panic, hang or power cut\)/);
  device.updater.apply(desired({}, '1.1.0', 'd2'));
  assert.equal(await device.ended, 'kexec');
  assert.ok(!device.http.requests.at(-1)?.startsWith('/targets/'), 'the slot was whole already');
  writeFileSync(join(device.folder, 'data/.system/last-failure'), 'agent crashed 3 times\n');
  device.evidence = 'the system hung';
  await device.coldBoot();
  assert.equal(ended().at(-1)?.reason, 'TRIAL_FAILED: agent crashed 3 times');
  device.updater.apply(desired({}, '1.1.0', 'd3'));
  assert.equal(await device.ended, 'kexec');
  await device.coldBoot();
  assert.equal(ended().at(-1)?.reason, 'TRIAL_FAILED: the system hung', 'hardware knows that it was no power cut');
});

test('an agent that starts again in the boot of the preparation prepares the trial again', async () => {
  device.publishSystem('1.1.0');
  await device.coldBoot();
  device.updater.apply(desired({}, '1.1.0'));
  assert.equal(await device.ended, 'kexec');
  await device.restartAgent(0);
  assert.deepEqual(ended(), []);
  device.updater.apply(desired({}, '1.1.0'));
  await until(() => device.words.length === 2, 'the second try');
  assert.deepEqual(device.words, ['kexec', 'kexec']);
});

test('a kernel that cannot be loaded leaves the old system running', async () => {
  device.publishSystem('1.1.0');
  device.kexecError = 'kexec_file_load: Operation not permitted (EPERM)';
  await device.coldBoot();
  await deploy({}, '1.1.0');
  assert.match(outcome('1.1.0')?.reason ?? '', /^KEXEC_FAILED: .*EPERM/);
  assert.deepEqual(device.words, []);
  assert.equal(device.readState().systemTrial, null);
});

test('a slot image whose own manifest is not the signed one is never booted', async () => {
  const image = slotImage('1.1.0', device.repository.root, { nodeVersion: '24.0.0' });
  const signedAs = device.makeSystem('1.1.0');
  device.publishSystem('1.1.0', { bytes: image.bytes, manifest: signedAs.manifest });
  await device.coldBoot();
  await deploy({}, '1.1.0');
  assert.match(outcome('1.1.0')?.reason ?? '', /^RELEASE_INCOMPATIBLE: the manifest in the slot image/);
  assert.deepEqual(device.words, []);
});

test('a tampered slot image never becomes bootable', async () => {
  device.publishSystem('1.1.0');
  await device.coldBoot();
  const [path, bytes] = [...device.repository.blobs][0] as [string, Buffer];
  const tampered = Buffer.from(bytes);
  tampered[500_000] = (tampered[500_000] as number) ^ 1;
  device.repository.blobs.set(path, tampered);
  await deploy({}, '1.1.0');
  assert.match(outcome('1.1.0')?.reason ?? '', /^HASH_MISMATCH/);
  assert.ok(
    device
      .slotBytes('b')
      .subarray(0, 4096)
      .every((byte) => byte === 0),
  );
});

test('a confirmed system that stops booting three times is left by the boot loader and reported', async () => {
  device.publishSystem('1.1.0');
  await device.coldBoot();
  device.updater.apply(desired({}, '1.1.0'));
  await device.ended;
  await device.trialBoot();
  await until(() => !device.updater.onTrial, 'the confirmation');
  await device.updater.acknowledge(ended());
  // Three boots that never reach the agent.
  await device.setAttempts(3);
  device.serverUp = false;
  await device.coldBoot();
  assert.equal(device.slot, 'a');
  assert.equal(device.updater.onTrial, true);
  await until(() => !device.updater.onTrial, 'the confirmation of the old slot');
  assert.equal(device.pointer.read(), 'a');
  assert.equal(device.pointer.readAttempts(), 0);
  assert.match(outcome('1.1.0')?.reason ?? '', /stopped booting/);
  device.updater.apply(desired({}, '1.1.0'));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(device.words, ['kexec', 'confirmed', 'confirmed']);
});

test('boots are counted no longer once the server or the time has shown that the system is up', async () => {
  for (const serverUp of [true, false]) {
    device.serverUp = serverUp;
    await device.setAttempts(1);
    await device.coldBoot();
    await until(() => device.pointer.readAttempts() === 0, 'the count of 0');
  }
});

test('a device that never reaches a server stays in its slot, however often it is booted', async () => {
  device.serverUp = false;
  for (let boots = 0; boots < 5; boots++) {
    await device.coldBoot();
    assert.equal(device.slot, 'a', `boot ${boots + 1}`);
    assert.equal(device.updater.onTrial, false);
    await until(() => device.pointer.readAttempts() === 0, `the count of 0 in boot ${boots + 1}`);
  }
  assert.deepEqual(device.words, []);
});

test('power that goes before a boot is healthy is not held against the slot, nor is it for ever', async () => {
  device.serverUp = false;
  device.limits = { ...device.limits, unprovenBootsMax: 4 };
  neverHealthyByTime();
  const counts: number[] = [];
  for (let boots = 0; boots < 7; boots++) {
    await device.coldBoot();
    assert.equal(device.slot, 'a', `boot ${boots + 1}`);
    await until(() => readUnproven() === Math.min(boots + 1, 5), 'the note');
    await until(() => boots >= 4 || device.pointer.readAttempts() === 0, 'the count of 0');
    await new Promise((resolve) => setTimeout(resolve, 20));
    counts.push(device.pointer.readAttempts());
  }
  assert.deepEqual(counts, [0, 0, 0, 0, 1, 2, 3]);
  device.updater.serverReachable();
  await until(() => device.pointer.readAttempts() === 0 && readUnproven() === null, 'a healthy boot');
});

test('a boot that crashed counts, and so does an agent that starts again', async () => {
  device.serverUp = false;
  neverHealthyByTime();
  await device.coldBoot();
  await until(() => device.pointer.readAttempts() === 0, 'the count of 0');
  await device.setAttempts(1);
  await device.restartAgent(0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual([device.pointer.readAttempts(), readUnproven()], [1, 1]);
  device.evidence = 'the system hung, and the watchdog reset the machine';
  for (const attempts of [2, 3]) {
    await device.coldBoot();
    device.evidence = null;
    await until(() => (readUnproven() ?? 0) > 1, 'the note');
    assert.equal(device.pointer.readAttempts(), attempts);
  }
  await device.coldBoot();
  assert.equal(device.slot, 'b', 'the slot that crashes was not left');
});

test('a count that could not be set back is set back later', async () => {
  await device.setAttempts(2);
  const open = systemDisk.open;
  let failures = 3;
  systemDisk.open = (path, ...rest) => {
    if (path === join(device.folder, 'disk') && rest[0] !== 'r' && failures-- > 0)
      return Promise.reject(Object.assign(new Error('input/output error'), { code: 'EIO' }));
    return open(path, ...rest);
  };
  try {
    await device.boot('a', 0);
    await until(() => device.pointer.readAttempts() === 0, 'the count of 0');
  } finally {
    systemDisk.open = open;
  }
  assert.ok(failures <= 0);
  assert.equal(device.events.filter((event) => /count of boots was not set back/.test(event)).length, 1);
});

test('a damaged boot partition is told, and apps are updated all the same', async () => {
  device.publishApp('1.0.0');
  device.publishSystem('1.1.0');
  const path = join(device.folder, 'disk');
  const disk = readFileSync(path);
  disk.fill(0, 1_048_576, 1_048_576 + 512);
  writeFileSync(path, disk);
  await device.boot('a', 0);
  await deploy({ hello: '1.0.0' }, '1.1.0');
  assert.equal(running(), '1.0.0');
  assert.ok(device.events.some((event) => /pointer cannot be read/.test(event)));
  assert.match(outcome('1.1.0')?.reason ?? '', /not a whole FAT volume/);
  assert.equal(device.wholeSystem('b'), '1.0.0');
});

test('nothing in the state folder is left behind by 20 updates', async () => {
  await device.coldBoot();
  for (let patch = 0; patch < 20; patch++) {
    device.publishApp(`1.0.${patch}`);
    await deploy({ hello: `1.0.${patch}` });
    await device.updater.acknowledge(ended());
  }
  await until(() => bundles().length === 1, 'one bundle');
  assert.deepEqual(readdirSync(device.stateDir).sort(), ['bundles', 'state.json', 'state.json.bak', 'tuf']);
  const sha256 = createHash('sha256').update(Buffer.alloc(120_000, 'hello 1.0.19 ')).digest('hex');
  assert.deepEqual(bundles(), [`${sha256}.sqfs`]);
});

test('what is only to be fetched lies there whole and does not run; later it is activated without a transfer', async () => {
  device.publishApp('1.0.0');
  await device.coldBoot();
  const state = desired({ hello: '1.0.0' });
  const apps = Object.fromEntries(
    Object.entries(state.apps).map(([name, release]) => [name, { ...release, apply: 'download' as const }]),
  );
  device.updater.apply({ ...state, apps });
  await until(() => device.updater.updates().some((status) => status.state === 'downloaded'), 'the download');
  await until(() => bundles().some((name) => name.endsWith('.sqfs')), 'the bundle');
  assert.equal(running(), undefined);
  const transfers = () => device.http.requests.filter((request) => request.startsWith('/targets/')).length;
  const before = transfers();
  await deploy({ hello: '1.0.0' }, null, 'd2');
  assert.deepEqual([running(), transfers()], ['1.0.0', before]);
});
