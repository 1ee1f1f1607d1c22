import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { updateStatusSchema } from '@nodeos/contracts/device-api.ts';
import { answerWith, makeKey, silentAnswer } from '../trust/repository.test-support.ts';
import { desired, TestDevice, until } from './device.test-support.ts';

let device: TestDevice;
beforeEach(() => {
  device = new TestDevice();
});
afterEach(() => device.dispose());

test('an app is fetched, verified, activated and remembered; the next boot starts it', async () => {
  device.publishApp('1.0.0');
  await device.coldBoot();
  const seen = new Set<string>();
  device.apps.activating = async () => {
    for (const status of device.updater.updates()) seen.add(updateStatusSchema.parse(status).state);
  };
  await device.deploy({ hello: '1.0.0' });
  assert.equal(device.runningVersion(), '1.0.0');
  assert.deepEqual(device.outcome('1.0.0'), {
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
  assert.equal(device.runningVersion(), '1.0.0');
});

test('an acknowledged outcome is not told again', async () => {
  device.publishApp('1.0.0');
  await device.coldBoot();
  await device.deploy({ hello: '1.0.0' });
  await device.coldBoot();
  assert.equal(device.outcomes().length, 1);
  await device.updater.acknowledge([
    { ...(device.outcomes()[0] as ReturnType<TestDevice['outcomes']>[0]), version: '9.9.9' },
  ]);
  assert.equal(device.outcomes().length, 1);
  await device.updater.acknowledge(device.outcomes());
  assert.deepEqual(device.updater.updates(), []);
});

test('a version that does not start gives way to the previous one and is not tried again for its deployment', async () => {
  device.publishApp('1.0.0');
  device.publishApp('2.0.0');
  device.apps.broken.add('2.0.0');
  await device.coldBoot();
  await device.deploy({ hello: '1.0.0' });
  await device.deploy({ hello: '2.0.0' });
  assert.equal(device.runningVersion(), '1.0.0');
  assert.match(device.outcome('2.0.0')?.reason ?? '', /^APP_START_FAILED: hello 2\.0\.0 ended with exit code 1$/);
  assert.ok(device.events.some((event) => /^rollback: hello 2\.0\.0 failed/.test(event)));
  const requests = device.http.requests.length;
  await device.coldBoot();
  device.updater.apply(desired({ hello: '2.0.0' }));
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(device.http.requests.length, requests);
  assert.equal(device.runningVersion(), '1.0.0');
  device.apps.broken.clear();
  await device.updater.acknowledge(device.outcomes());
  await device.deploy({ hello: '2.0.0' }, null, 'd2');
  assert.equal(device.runningVersion(), '2.0.0');
  assert.deepEqual(device.readState().failed, {});
});

test('a tampered bundle is refused before anything runs, and is not fetched again', async () => {
  device.publishApp('1.0.0');
  const [path] = device.repository.blobs.keys();
  device.repository.blobs.set(path as string, Buffer.alloc(120_000, 'tampered'));
  await device.coldBoot();
  await device.deploy({ hello: '1.0.0' });
  assert.match(device.outcome('1.0.0')?.reason ?? '', /^HASH_MISMATCH/);
  assert.equal(device.runningVersion(), undefined);
  assert.deepEqual(device.bundles(), []);
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
  await device.deploy({ hello: '1.0.0' });
  assert.match(device.outcome('1.0.0')?.reason ?? '', /^METADATA_INVALID: targets was signed by 0\/1 keys/);
  assert.ok(!device.http.requests.some((request) => request.startsWith('/targets/')));
});

test('an app for another ABI, or one that is not published, fails with a reason', async () => {
  await device.coldBoot();
  await device.deploy({ hello: '7.0.0' });
  assert.match(device.outcome('7.0.0')?.reason ?? '', /^RELEASE_UNKNOWN/);
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
  await until(() => device.outcome('1.0.0') !== undefined, 'the end');
  assert.equal(device.outcome('1.0.0')?.state, 'confirmed');
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
  await device.deploy({ hello: '1.0.0' });
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
  await until(() => device.runningVersion() === '2.0.0', 'the newer version');
  await until(() => device.outcome('2.0.0') !== undefined, 'its end');
  assert.equal(device.outcome('1.0.0'), undefined);
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
  await until(() => device.runningVersion('beta') === '1.1.0', 'beta');
  device.http.intercept = () => null;
  await until(() => device.runningVersion('alpha') === '1.0.0', 'alpha');
});

test('an app is removed when it is named, and its bundle is deleted', async () => {
  device.publishApp('1.0.0');
  await device.coldBoot();
  await device.deploy({ hello: '1.0.0' });
  assert.equal(device.bundles().length, 1);
  device.updater.apply({ ...desired({}), generation: 2 });
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(device.runningVersion(), '1.0.0');
  device.updater.apply({ ...desired({}), generation: 3, removeApps: ['hello'] });
  await until(() => device.runningVersion() === undefined && device.bundles().length === 0, 'the removal');
  await device.coldBoot();
  assert.equal(device.runningVersion(), undefined);
});

test('a bundle that is gone is fetched again', async () => {
  device.publishApp('1.0.0');
  await device.coldBoot();
  await device.deploy({ hello: '1.0.0' });
  rmSync(join(device.stateDir, 'bundles', device.bundles()[0] as string));
  await device.updater.acknowledge(device.outcomes());
  await device.coldBoot();
  assert.equal(device.runningVersion(), undefined);
  await device.deploy({ hello: '1.0.0' });
  assert.equal(device.runningVersion(), '1.0.0');
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
  await device.deploy({ hello: '1.0.0' });
  assert.match(device.outcome('1.0.0')?.reason ?? '', /^APP_START_FAILED: the device went down again and again/);
});

test('a torn state gives way to the copy before it, and says so', async () => {
  device.publishApp('1.0.0');
  await device.coldBoot();
  await device.deploy({ hello: '1.0.0' });
  await device.updater.acknowledge(device.outcomes());
  truncateSync(join(device.stateDir, 'state.json'), 20);
  await device.coldBoot();
  assert.equal(device.runningVersion(), '1.0.0');
  assert.ok(device.events.some((event) => /stored state was damaged/.test(event)));
});

test('unknown errors end the update, not the agent', async () => {
  device.publishApp('1.0.0');
  await device.coldBoot();
  device.apps.activating = async () => {
    throw new TypeError('something unforeseen');
  };
  await device.deploy({ hello: '1.0.0' });
  assert.match(device.outcome('1.0.0')?.reason ?? '', /^INTERNAL: something unforeseen/);
  device.publishApp('1.1.0');
  device.apps.activating = async () => {};
  await device.deploy({ hello: '1.1.0' });
  assert.equal(device.runningVersion(), '1.1.0');
});

test('nothing in the state folder is left behind by 20 updates', async () => {
  await device.coldBoot();
  for (let patch = 0; patch < 20; patch++) {
    device.publishApp(`1.0.${patch}`);
    await device.deploy({ hello: `1.0.${patch}` });
    await device.updater.acknowledge(device.outcomes());
  }
  await until(() => device.bundles().length === 1, 'one bundle');
  assert.deepEqual(readdirSync(device.stateDir).sort(), ['bundles', 'state.json', 'state.json.bak', 'tuf']);
  const sha256 = createHash('sha256').update(Buffer.alloc(120_000, 'hello 1.0.19 ')).digest('hex');
  assert.deepEqual(device.bundles(), [`${sha256}.sqfs`]);
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
  await until(() => device.bundles().some((name) => name.endsWith('.sqfs')), 'the bundle');
  assert.equal(device.runningVersion(), undefined);
  const transfers = () => device.http.requests.filter((request) => request.startsWith('/targets/')).length;
  const before = transfers();
  await device.deploy({ hello: '1.0.0' }, null, 'd2');
  assert.deepEqual([device.runningVersion(), transfers()], ['1.0.0', before]);
});

/** An app that does something which must not be broken off. */
function hold(name: string): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  device.apps.holds.set(name, promise);
  return () => {
    device.apps.holds.delete(name);
    resolve();
  };
}
const isHeld = (): boolean =>
  device.updater
    .updates()
    .some(({ state, reason }) => state === 'installing' && reason === 'UPDATE_HELD: hello: a print is running');

test('a version that the app holds back waits, says why, and is no attempt before it begins', async () => {
  for (const version of ['1.0.0', '2.0.0']) device.publishApp(version);
  await device.coldBoot();
  await device.deploy({ hello: '1.0.0' });
  const letGo = hold('hello');
  device.updater.apply(desired({ hello: '2.0.0' }, null, 'd2'));
  await until(isHeld, 'the wait');
  assert.deepEqual([device.runningVersion(), device.readState().candidate], ['1.0.0', null]);
  letGo();
  await until(() => device.runningVersion() === '2.0.0', 'the update');
});

test('what is held back waits neither where it is forced nor where something else is wanted', async () => {
  for (const version of ['1.0.0', '2.0.0', '3.0.0']) device.publishApp(version);
  await device.coldBoot();
  await device.deploy({ hello: '1.0.0' });
  hold('hello');
  device.updater.apply(desired({ hello: '2.0.0' }, null, 'd2'));
  await until(isHeld, 'the wait');
  const { apps, ...state } = desired({ hello: '3.0.0' }, null, 'd3');
  const forced = Object.entries(apps).map(([name, release]) => [name, { ...release, force: true as const }]);
  device.updater.apply({ ...state, apps: Object.fromEntries(forced) });
  await until(() => device.runningVersion() === '3.0.0', 'the forced update');
  assert.equal(device.outcome('2.0.0'), undefined);
});
