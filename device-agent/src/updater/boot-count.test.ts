import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { delay } from '../backoff.ts';
import { UNPROVEN_BOOTS_FILE } from './boot-count.ts';
import { desired, TestDevice, until } from './device.test-support.ts';
import { systemDisk } from './disk.ts';

let device: TestDevice;
beforeEach(() => {
  device = new TestDevice();
});
afterEach(() => device.dispose());

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

test('a confirmed system that stops booting three times is left by the boot loader and reported', async () => {
  device.publishSystem('1.1.0');
  await device.coldBoot();
  device.updater.apply(desired({}, '1.1.0'));
  await device.ended;
  await device.trialBoot();
  await until(() => !device.updater.onTrial, 'the confirmation');
  await device.updater.acknowledge(device.outcomes());
  // Three boots that never reach the agent.
  await device.setAttempts(3);
  device.serverUp = false;
  await device.coldBoot();
  assert.equal(device.slot, 'a');
  assert.equal(device.updater.onTrial, true);
  await until(() => !device.updater.onTrial, 'the confirmation of the old slot');
  assert.equal(device.pointer.read(), 'a');
  assert.equal(device.pointer.readAttempts(), 0);
  assert.match(device.outcome('1.1.0')?.reason ?? '', /stopped booting/);
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
