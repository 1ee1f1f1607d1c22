import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { UpdateStatus } from '@nodeos/contracts/device-api.ts';
import { TestRepository } from '@nodeos/device-agent/src/trust/repository.test-support.ts';
import { UNPROVEN_BOOTS_FILE } from '@nodeos/device-agent/src/updater/boot-count.ts';
import { desired, type TestDevice, until } from '@nodeos/device-agent/src/updater/device.test-support.ts';
import type { Scenario } from './device-stretch.ts';

const repository = new TestRepository();

/** A device with the factory's system and the given app, at rest. */
async function withApp(device: TestDevice, version: string | null): Promise<void> {
  device.publishAll();
  if (!repositoryHas('3.0.0')) device.publishApp('3.0.0');
  await device.coldBoot();
  if (version !== null) {
    device.updater.apply(desired({ hello: version }, null, 'd0'));
    await until(() => ended(device, 'app') === 'confirmed', 'the first app');
    await device.updater.acknowledge(device.updater.updates());
  }
  await until(() => device.pointer.readAttempts() === 0 && !unproven(device), 'a healthy boot');
}

/** The boot is not yet known to be healthy. */
function unproven(device: TestDevice): boolean {
  return existsSync(join(device.stateDir, UNPROVEN_BOOTS_FILE));
}

function repositoryHas(version: string): boolean {
  return [...repository.blobs.keys()].some((path) => path.includes(`/hello/${version}/`));
}

function status(device: TestDevice, lane: UpdateStatus['lane']): UpdateStatus | undefined {
  return device.updater.updates().findLast((update) => update.lane === lane);
}

function ended(device: TestDevice, lane: UpdateStatus['lane']): 'confirmed' | 'failed' | null {
  const state = status(device, lane)?.state;
  return state === 'confirmed' || state === 'failed' ? state : null;
}

function requireApp(device: TestDevice, version: string | null): void {
  const running = device.apps.running.get('hello')?.manifest.version ?? null;
  assert.equal(running, version, JSON.stringify(device.updater.updates()));
}

function requireSystem(device: TestDevice, version: string): void {
  assert.equal(device.version, version, JSON.stringify(device.updater.updates()));
  assert.equal(device.wholeSystem(device.pointer.read()), version);
  assert.equal(device.slot, device.pointer.read());
}

/** One cut in a trial is forgiven; where the power went twice, the system may have been given up, with its reason. */
function requireUpdatedSystem(device: TestDevice, cuts: number): void {
  const givenUp = ended(device, 'system') === 'failed';
  assert.ok(!givenUp || cuts > 1, JSON.stringify(status(device, 'system')));
  requireSystem(device, givenUp ? '1.0.0' : '1.1.0');
  if (givenUp) assert.match(status(device, 'system')?.reason ?? '', /^TRIAL_FAILED/);
}

const NEW_APP = desired({ hello: '2.0.0' }, null, 'd1', 2);
const NEW_SYSTEM = desired({ hello: '1.0.0' }, '1.1.0', 'd1', 2);
const BOTH = desired({ hello: '2.0.0' }, '1.1.0', 'd1', 2);

/** Goes on to the moment at which the new system's kernel is loaded. */
async function toTrial(device: TestDevice): Promise<void> {
  await withApp(device, '1.0.0');
  device.updater.apply(NEW_SYSTEM);
  assert.equal(await device.ended, 'kexec');
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'app install',
    repository,
    prepare: (device) => withApp(device, null),
    ask: (device) => device.updater.apply(desired({ hello: '1.0.0' }, null, 'd1')),
    atRest: (device) => ended(device, 'app') !== null,
    check: (device) => requireApp(device, '1.0.0'),
  },
  {
    name: 'app update',
    repository,
    prepare: (device) => withApp(device, '1.0.0'),
    ask: (device) => device.updater.apply(NEW_APP),
    atRest: (device) => ended(device, 'app') !== null,
    check: (device) => requireApp(device, '2.0.0'),
  },
  {
    name: 'app rollback',
    repository,
    prepare: (device) => withApp(device, '1.0.0'),
    spoil: (device) => void device.apps.broken.add('2.0.0'),
    ask: (device) => device.updater.apply(NEW_APP),
    atRest: (device) => ended(device, 'app') !== null,
    check(device) {
      requireApp(device, '1.0.0');
      assert.match(status(device, 'app')?.reason ?? '', /^APP_START_FAILED/);
    },
  },
  {
    name: 'app that keeps the device from its server',
    repository,
    prepare: (device) => withApp(device, '1.0.0'),
    spoil: (device) => void device.apps.cutOff.add('2.0.0'),
    ask: (device) => device.updater.apply(NEW_APP),
    atRest: (device) => ended(device, 'app') !== null,
    check(device) {
      requireApp(device, '1.0.0');
      assert.match(status(device, 'app')?.reason ?? '', /^APP_CUT_OFF/);
    },
  },
  {
    name: 'server that goes while an app is activated',
    repository,
    prepare: (device) => withApp(device, '1.0.0'),
    async begin(device) {
      await device.coldBoot();
      let activations = 0;
      device.apps.activating = async () => {
        device.serverUp = ++activations > 1;
      };
    },
    ask(device) {
      device.serverUp = true;
      device.updater.apply(NEW_APP);
    },
    atRest: (device) => ended(device, 'app') !== null,
    check(device, cuts) {
      // With two cuts more, it is the fourth activation.
      const givenUp = cuts > 1 && /down again and again/.test(status(device, 'app')?.reason ?? '');
      requireApp(device, givenUp ? '1.0.0' : '2.0.0');
    },
  },
  {
    name: 'app removal',
    repository,
    prepare: (device) => withApp(device, '1.0.0'),
    ask: (device) => device.updater.apply({ ...desired({}, null), removeApps: ['hello'] }),
    atRest: (device) => device.apps.running.size === 0,
    check: (device) => requireApp(device, null),
  },
  {
    name: 'system update',
    repository,
    prepare: (device) => withApp(device, '1.0.0'),
    ask: (device) => device.updater.apply(NEW_SYSTEM),
    atRest: (device) => ended(device, 'system') !== null,
    check: requireUpdatedSystem,
  },
  {
    name: 'system trial and confirm',
    repository,
    prepare: toTrial,
    begin: (device) => device.boot('b', 240),
    ask: (device) => device.updater.apply(NEW_SYSTEM),
    atRest: (device) => ended(device, 'system') !== null,
    check: requireUpdatedSystem,
  },
  {
    name: 'system rollback',
    repository,
    prepare: (device) => withApp(device, '1.0.0'),
    spoil: (device) => {
      device.spoilTrials = true;
    },
    ask: (device) => device.updater.apply(NEW_SYSTEM),
    atRest: (device) => ended(device, 'system') !== null,
    check(device) {
      requireSystem(device, '1.0.0');
      assert.match(status(device, 'system')?.reason ?? '', /^TRIAL_FAILED/);
    },
  },
  {
    name: 'slot that stopped booting',
    repository,
    async prepare(device) {
      await withApp(device, '1.0.0');
      await device.setAttempts(3);
    },
    ask: () => {},
    atRest: (device) => device.pointer.read() === device.slot && device.pointer.readAttempts() === 0,
    check(device) {
      requireSystem(device, '1.0.0');
      requireApp(device, '1.0.0');
    },
  },
  {
    name: 'power off again and again before a boot is healthy',
    repository,
    prepare: (device) => withApp(device, '1.0.0'),
    async begin(device) {
      const { delay } = device.time;
      const bootHealthyMs = 77_777;
      device.limits = { ...device.limits, bootHealthyMs };
      device.time = {
        ...device.time,
        delay: async (ms, signal) => (ms === bootHealthyMs ? new Promise(() => {}) : delay?.(ms, signal)),
      };
      device.serverUp = false;
      for (let boot = 0; boot < 4; boot++) {
        await device.coldBoot();
        await until(() => device.pointer.readAttempts() === 0, 'a boot that came as far as the agent');
        await device.disk.unplug();
      }
      await device.coldBoot();
      device.serverUp = true;
    },
    ask: (device) => device.updater.serverReachable(),
    atRest: (device) => device.pointer.readAttempts() === 0 && !unproven(device),
    check(device) {
      assert.equal(device.slot, 'a', 'a healthy slot was left');
      assert.equal(device.pointer.read(), 'a');
      requireApp(device, '1.0.0');
    },
  },
  {
    name: 'app and system update',
    repository,
    prepare: (device) => withApp(device, '1.0.0'),
    ask: (device) => device.updater.apply(BOTH),
    atRest: (device) => ended(device, 'app') !== null && ended(device, 'system') !== null,
    check(device, cuts) {
      requireApp(device, '2.0.0');
      requireUpdatedSystem(device, cuts);
    },
  },
  {
    name: 'desired state changed under way',
    repository,
    prepare: (device) => withApp(device, '1.0.0'),
    async ask(device, boot, random) {
      if (boot === 0) {
        const { calls } = device.disk;
        device.updater.apply(BOTH);
        const enough = calls + Math.floor(random() * 60);
        await until(() => device.disk.calls >= enough || device.disk.failing || device.words.length > 0, 'some work');
      }
      device.updater.apply(desired({ hello: '3.0.0' }, null, 'd2', 3));
    },
    atRest: (device) => device.apps.running.get('hello')?.manifest.version === '3.0.0',
    check: (device) => requireSystem(device, device.version),
  },
  {
    name: 'shutdown under way',
    repository,
    prepare: (device) => withApp(device, '1.0.0'),
    async begin(device, random) {
      await device.coldBoot();
      const enough = device.disk.calls + Math.floor(random() * 60);
      device.updater.apply(BOTH);
      await until(() => device.disk.calls >= enough || device.words.length > 0, 'some work');
      // init ends the agent wherever it is; the file systems are unmounted in order.
      await device.disk.unplug();
      await device.coldBoot();
    },
    ask: (device) => device.updater.apply(BOTH),
    atRest: (device) => ended(device, 'app') !== null && ended(device, 'system') !== null,
    check(device, cuts) {
      // Three times down in the activation of one version: it may have been the app's doing, and it is given up.
      const givenUp = cuts > 1 && /down again and again/.test(status(device, 'app')?.reason ?? '');
      requireApp(device, givenUp ? '1.0.0' : '2.0.0');
    },
  },
];
