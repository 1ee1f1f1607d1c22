import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { UpdateStatus } from '@nodeos/contracts/device-api.ts';
import fc from 'fast-check';
import { TestRepository } from '../trust/repository.test-support.ts';
import { desired, TestDevice, until } from './device.test-support.ts';

let device: TestDevice;
beforeEach(() => {
  device = new TestDevice();
});
afterEach(() => device.dispose());

const running = () => device.apps.running.get('hello')?.manifest.version;
const outcome = (version: string): UpdateStatus | undefined =>
  device.updater
    .updates()
    .find((status) => status.version === version && (status.state === 'confirmed' || status.state === 'failed'));

async function deploy(version: string, deployment = 'd1'): Promise<UpdateStatus | undefined> {
  device.updater.apply(desired({ hello: version }, null, deployment));
  await until(() => outcome(version) !== undefined, `the end of ${version}`);
  return outcome(version);
}

test('an app that keeps the device from its server gives way to the version before, with the reason', async () => {
  for (const version of ['1.0.0', '2.0.0']) device.publishApp(version);
  device.apps.cutOff.add('2.0.0');
  await device.coldBoot();
  await deploy('1.0.0');
  const failed = await deploy('2.0.0');
  assert.equal(running(), '1.0.0');
  assert.equal(
    failed?.reason,
    'APP_CUT_OFF: hello 2.0.0 kept the device from its server: after 0 s: the server was not reached',
  );
  assert.ok(device.events.some((event) => /^rollback: hello 2\.0\.0 failed: APP_CUT_OFF/.test(event)));
  await device.coldBoot();
  assert.equal(running(), '1.0.0');
  const requests = device.http.requests.length;
  device.updater.apply(desired({ hello: '2.0.0' }));
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(device.http.requests.length, requests, 'it is not tried again for its deployment');
});

test('the first version of an app that keeps the device from its server is taken away', async () => {
  device.publishApp('1.0.0');
  device.apps.cutOff.add('1.0.0');
  await device.coldBoot();
  assert.match((await deploy('1.0.0'))?.reason ?? '', /^APP_CUT_OFF/);
  assert.equal(running(), undefined);
});

test('an app that is installed where no server was ever reached needs none', async () => {
  device.publishApp('1.0.0');
  device.serverUp = false;
  await device.coldBoot();
  assert.equal((await deploy('1.0.0'))?.state, 'confirmed');
  assert.equal(running(), '1.0.0');
});

test('a server that is gone with the app and without it is not held against the app', async () => {
  for (const version of ['1.0.0', '2.0.0']) device.publishApp(version);
  await device.coldBoot();
  await deploy('1.0.0');
  let activations = 0;
  device.apps.activating = async () => {
    device.serverUp = ++activations > 1;
  };
  assert.equal((await deploy('2.0.0'))?.state, 'confirmed');
  assert.equal(activations, 2);
  assert.equal(running(), '2.0.0');
});

test('a version in whose activation the server goes again and again is given up', async () => {
  for (const version of ['1.0.0', '2.0.0']) device.publishApp(version);
  await device.coldBoot();
  await deploy('1.0.0');
  device.serverUp = false;
  assert.match((await deploy('2.0.0'))?.reason ?? '', /^APP_START_FAILED: .* lost its server/);
  assert.equal(running(), '1.0.0');
});

test('whatever apps and server did before, a good version is confirmed once the server is there', async () => {
  const repository = new TestRepository();
  const versions = ['1.0.0', '2.0.0', '3.0.0', '4.0.0'];
  const step = fc.record({
    version: fc.constantFrom(...versions.slice(0, 3)),
    kind: fc.constantFrom('good', 'broken', 'cutOff'),
    server: fc.boolean(),
    reboot: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 4 }), async (story) => {
      const one = new TestDevice('nothing lost', repository);
      try {
        if (repository.blobs.size === 0) for (const version of versions) one.publishApp(version);
        let now = 0;
        one.time = {
          monotonicMs: () => now,
          async delay(milliseconds) {
            now += milliseconds;
            await new Promise(setImmediate);
          },
        };
        await one.coldBoot();
        const all = () => one.updater.updates();
        const endOf = (deployment: string) =>
          all().find((each) => each.deployment === deployment && /confirmed|failed/.test(each.state));
        for (const [index, { version, kind, server, reboot }] of story.entries()) {
          for (const set of [one.apps.broken, one.apps.cutOff]) set.delete(version);
          if (kind !== 'good') one.apps[kind].add(version);
          one.serverUp = server;
          if (reboot) await one.coldBoot();
          const before = one.apps.running.get('hello')?.manifest.version;
          one.updater.apply(desired({ hello: version }, null, `d${index}`));
          if (before === version) continue;
          await until(() => endOf(`d${index}`) !== undefined, `the end of step ${index}`);
          const confirmed = endOf(`d${index}`)?.state === 'confirmed';
          assert.equal(one.apps.running.get('hello')?.manifest.version, confirmed ? version : before);
          // On a device that an older version keeps from its server already, nothing more is lost.
          const way = server && !(before !== undefined && one.apps.cutOff.has(before));
          if (kind === 'cutOff' && way) assert.ok(!confirmed, 'an app without a way to the server was confirmed');
        }
        one.serverUp = true;
        await one.coldBoot();
        one.updater.apply(desired({ hello: '4.0.0' }, null, 'last'));
        await until(() => endOf('last') !== undefined, 'the end of the good version');
        assert.equal(endOf('last')?.state, 'confirmed', JSON.stringify(all()));
      } finally {
        one.dispose();
      }
    }),
    { numRuns: 15 },
  );
});
