import assert from 'node:assert/strict';
import type { UpdateStatus } from '@nodeos/contracts/device-api.ts';
import type { TestRepository } from '@nodeos/device-agent/src/trust/repository.test-support.ts';
import { desired, TestDevice, until } from '@nodeos/device-agent/src/updater/device.test-support.ts';

/**
 * A device with the real update engine, hello 1.0.0 on system 1.0.0, that reaches the attacker's server.
 * @param before called before the device's first contact
 */
export async function withVictim(
  attack: (device: TestDevice) => Promise<string>,
  before: (repository: TestRepository) => void = () => {},
): Promise<string> {
  const device = new TestDevice();
  // Less patience than in the field: the answer to what never ends shall come soon.
  device.limits = { ...device.limits, fetchRateWindowMs: 100 };
  try {
    before(device.repository);
    device.publishApp('1.0.0');
    await device.coldBoot();
    device.updater.apply(desired({ hello: '1.0.0' }, null, 'd0'));
    await until(() => device.updater.updates().some(({ state }) => state === 'confirmed'), 'the first app');
    await device.updater.acknowledge(device.updater.updates());
    const answer = await attack(device);
    assert.equal(device.apps.running.get('hello')?.manifest.version, '1.0.0', 'another app runs');
    assert.equal(device.pointer.read(), 'a', 'another system would boot');
    assert.deepEqual(
      device.words.filter((word) => word === 'kexec'),
      [],
      'another kernel was booted',
    );
    return answer;
  } finally {
    device.dispose();
  }
}

/** What the device says about the wanted release: why it failed, or why it waits. */
export async function reasonFor(device: TestDevice, version: string): Promise<string> {
  const status = (): UpdateStatus | undefined =>
    device.updater.updates().findLast((update) => update.version === version && update.reason !== null);
  await until(() => status() !== undefined, `a reason about ${version}`);
  return status()?.reason ?? '';
}

/** The server wants the app 2.0.0. */
export async function wantApp(device: TestDevice): Promise<string> {
  device.updater.apply(desired({ hello: '2.0.0' }, null, 'd1', 2));
  return reasonFor(device, '2.0.0');
}

/** The server wants the system 1.1.0. */
export async function wantSystem(device: TestDevice): Promise<string> {
  device.updater.apply(desired({ hello: '1.0.0' }, '1.1.0', 'd1', 2));
  return reasonFor(device, '1.1.0');
}
