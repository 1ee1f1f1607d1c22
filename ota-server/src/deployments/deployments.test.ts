import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import type { Deployment } from '@nodeos/contracts/operator-api.ts';
import { makePublisher } from '../testing/publish.ts';
import { appTarget } from '../testing/release-keys.ts';
import { type DeviceIdentity, deviceReport, type RunningServer, runServer } from '../testing/running-server.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { until } from '../testing/until.ts';

const TARGET = 'apps/hello/2.0.0/any.sqfs';
const app = (version: string) => ({
  hello: { version, sha256: 'f'.repeat(64), state: 'running' as const, restarts: 0, reason: null },
});

/** A server with devices that run hello 1.0.0, and hello 2.0.0 to deploy. */
async function fleetOf(context: TestContext, count: number, dataDir?: string) {
  const running = await runServer(context, dataDir);
  const publisher = await makePublisher(running);
  for (const version of ['1.0.0', '2.0.0'])
    await publisher.publish(await appTarget('hello', version, `hello ${version}`), `hello ${version}`);
  const devices: DeviceIdentity[] = [];
  for (let index = 0; index < count; index++) {
    const device = await running.enrolledDevice(['all'], `S-${index}`);
    await report(running, device, { generation: 0, apps: app('1.0.0') });
    devices.push(device);
  }
  return { running, devices, publisher };
}

async function report(running: RunningServer, device: DeviceIdentity, change: Partial<DeviceReport>): Promise<void> {
  const answer = await running.device(device, 'POST', '/device/v1/report', deviceReport(change));
  assert.equal(answer.status, 204, answer.text);
}

const post = async (running: RunningServer, path: string, body?: unknown) => {
  const answer = await running.operator('POST', path, body);
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
};
const show = async (running: RunningServer, id: string): Promise<Deployment> =>
  (await running.operator('GET', `/api/v1/deployments/${id}`)).json;
const desiredOf = async (running: RunningServer, device: DeviceIdentity) =>
  (await running.device(device, 'GET', '/device/v1/desired')).json;

/** What a device does with what it finds to be wanted. */
async function obey(running: RunningServer, device: DeviceIdentity, fails = false): Promise<void> {
  const { generation, apps } = await desiredOf(running, device);
  const wanted = apps.hello;
  const status = {
    ...({ lane: 'app', name: 'hello', version: wanted.version, target: wanted.target, percent: null } as const),
    ...{ deployment: wanted.deployment, state: fails ? ('failed' as const) : ('confirmed' as const) },
    reason: fails ? 'APP_START_FAILED: exit code 1' : null,
  };
  await report(running, device, { generation, apps: app(fails ? '1.0.0' : wanted.version), updates: [status] });
}

const released = (deployment: Deployment, ...states: Deployment['devices'][number]['state'][]): string[] =>
  deployment.devices.filter(({ state }) => states.includes(state)).map(({ id }) => id);

test('a bad release stops in the canary wave, and the device that took it is back', async (context) => {
  const { running, devices } = await fleetOf(context, 8);
  const byId = new Map(devices.map((device) => [device.id, device]));
  const rollout = { waves: [{ devices: 3 }], maxFailurePercent: 30 };
  const { id } = await post(running, '/api/v1/deployments', { target: TARGET, to: { tag: 'all' }, rollout });
  const canary = released(await show(running, id), 'waiting');
  assert.equal(canary.length, 3);
  const [good, bad] = canary.map((each) => byId.get(each)) as [DeviceIdentity, DeviceIdentity];
  await obey(running, good);
  assert.equal((await show(running, id)).state, 'running');
  await obey(running, bad, true);
  const stopped = await show(running, id);
  assert.equal(stopped.state, 'turning-back');
  assert.match(stopped.reason ?? '', /1 of 3 devices of wave 1 failed, more than 30 %/);
  assert.deepEqual(released(stopped, 'returning'), [good.id]);

  const back = (await desiredOf(running, good)).apps.hello;
  assert.deepEqual(back, { version: '1.0.0', target: 'apps/hello/1.0.0/any.sqfs', deployment: null });
  await obey(running, good);
  const ended = await show(running, id);
  assert.equal(ended.state, 'turned-back');
  assert.deepEqual(ended.counts, { returned: 1, failed: 1, superseded: 6 });
  for (const device of devices) {
    const { apps } = await desiredOf(running, device);
    assert.notEqual(apps.hello?.version, '2.0.0');
  }
});

test('a server that is started anew goes on where the last one stood, and no device begins twice', async (context) => {
  const dataDir = await temporaryFolder(context);
  const { running, devices } = await fleetOf(context, 6, dataDir);
  const byId = new Map(devices.map((device) => [device.id, device]));
  const rollout = { waves: [{ devices: 1 }, { devices: 3 }], soakSeconds: 1 };
  const { id } = await post(running, '/api/v1/deployments', { target: TARGET, to: { tag: 'all' }, rollout });
  const generations = new Map<string, number>();
  let current = running;
  for (const size of [1, 2, 3]) {
    const begun = await until('the wave', async () => {
      const waiting = released(await show(current, id), 'waiting', 'told');
      return waiting.length > 0 && waiting;
    });
    assert.equal(begun.length, size);
    await current.server.close();
    current = await runServer(context, dataDir);
    for (const each of begun) {
      const device = byId.get(each) as DeviceIdentity;
      generations.set(each, (await desiredOf(current, device)).generation);
      await obey(current, device);
    }
    // The soak goes on, and mostly ends, while no server runs.
    const after = released(await show(current, id), 'soaking', 'confirmed');
    assert.deepEqual(
      begun.filter((each) => !after.includes(each)),
      [],
    );
    await current.server.close();
    current = await runServer(context, dataDir);
  }
  const ended = await until('the end', async () => {
    const deployment = await show(current, id);
    return deployment.state === 'done' && deployment;
  });
  assert.deepEqual(ended.counts, { confirmed: 6 });
  assert.ok(ended.devices.every(({ attempts }) => attempts === 1));
  for (const [each, generation] of generations)
    assert.equal((await desiredOf(current, byId.get(each) as DeviceIdentity)).generation, generation);
});

test('approval, pause and resume; what they do not fit is refused', async (context) => {
  const { running, devices } = await fleetOf(context, 2);
  const rollout = { waves: [{ devices: 1 }], approval: 'waves' };
  const { id, state } = await post(running, '/api/v1/deployments', { target: TARGET, to: { tag: 'all' }, rollout });
  assert.equal(state, 'awaiting-approval');
  assert.deepEqual((await desiredOf(running, devices[0] as DeviceIdentity)).apps, {});
  const steer = (verb: string) => running.operator('POST', `/api/v1/deployments/${id}/${verb}`);
  assert.equal((await steer('resume')).json.error.code, 'CONFLICT');
  await post(running, `/api/v1/deployments/${id}/approve`);
  const [first] = released(await show(running, id), 'waiting');
  await post(running, `/api/v1/deployments/${id}/pause`);
  await obey(running, devices.find((device) => device.id === first) as DeviceIdentity);
  assert.deepEqual((await show(running, id)).counts, { confirmed: 1, planned: 1 });
  assert.equal((await steer('approve')).json.error.code, 'CONFLICT');
  assert.equal((await post(running, `/api/v1/deployments/${id}/resume`)).state, 'awaiting-approval');
  assert.deepEqual((await post(running, `/api/v1/deployments/${id}/approve`)).counts, { confirmed: 1, waiting: 1 });
});

test('a group by query grows and shrinks with its devices; its window holds devices back, force does not', async (context) => {
  const { running, devices } = await fleetOf(context, 3);
  const [one, two] = devices as [DeviceIdentity, DeviceIdentity];
  await running.operator('PUT', `/api/v1/devices/${one.id}/tags`, { tags: ['shop'] });
  // It is never now two minutes before now.
  const minute = (offset: number) => new Date(Date.now() + offset * 60_000).toISOString().slice(11, 16);
  const window = { days: [], from: minute(-4), to: minute(-2) };
  const put = (body: object) => running.operator('PUT', '/api/v1/groups/shops', body);
  assert.equal((await put({ query: 'tag:', devices: [], window: null })).json.error.code, 'QUERY_INVALID');
  assert.equal((await put({ query: null, devices: ['nobody'], window: null })).json.error.code, 'NOT_FOUND');
  assert.equal((await put({ query: 'tag:shop', devices: [], window })).json.size, 1);
  const { id } = await post(running, '/api/v1/deployments', { target: TARGET, to: { group: 'shops' } });
  const [held] = (await show(running, id)).devices;
  assert.deepEqual([held?.id, held?.state], [one.id, 'planned']);
  const opening = new Date(held?.notBefore ?? 0).toISOString().slice(11, 16);
  assert.equal(opening, window.from);
  const forced = { target: TARGET, to: { group: 'shops' }, rollout: { forced: true, maxConcurrent: 5 } };
  const { id: second } = await post(running, '/api/v1/deployments', forced);
  assert.equal((await show(running, second)).devices[0]?.state, 'waiting');
  assert.equal((await show(running, id)).devices[0]?.state, 'superseded');
  await running.operator('PUT', `/api/v1/devices/${two.id}/tags`, { tags: ['shop'] });
  assert.deepEqual(released(await show(running, second), 'waiting').sort(), [one.id, two.id].sort());
  await put({ query: null, devices: [one.id], window: null });
  assert.deepEqual(released(await show(running, second), 'superseded'), [two.id]);
  assert.equal((await running.operator('DELETE', '/api/v1/groups/shops')).json.error.code, 'CONFLICT');
  const detail = (await running.operator('GET', '/api/v1/groups/shops')).json;
  assert.deepEqual([detail.size, detail.members[0].id], [1, one.id]);
});

test('a dry run says who gets what and when, and changes nothing', async (context) => {
  const { running, devices } = await fleetOf(context, 4);
  await report(running, devices[3] as DeviceIdentity, { generation: 0, apps: app('3.0.0') });
  const request = { target: TARGET, to: { query: 'tag:all' }, rollout: { waves: [{ devices: 1 }] } };
  const plan = await post(running, '/api/v1/deployments/plan', request);
  assert.equal(plan.devices.length, 4);
  const skipped = plan.devices.find(({ id }: { id: string }) => id === devices[3]?.id);
  assert.deepEqual([skipped.state, skipped.runs], ['skipped', '3.0.0']);
  assert.equal(plan.devices.filter(({ startsAt }: { startsAt: number | null }) => startsAt !== null).length <= 1, true);
  assert.deepEqual((await running.operator('GET', '/api/v1/deployments')).json.deployments, []);
  for (const device of devices) assert.equal((await desiredOf(running, device)).generation, 0);
});

test('a pinned device keeps its release; a downgrade of one device must be asked for', async (context) => {
  const { running, devices } = await fleetOf(context, 1);
  const [device] = devices as [DeviceIdentity];
  const pin = (pins: object) => running.operator('PUT', `/api/v1/devices/${device.id}/pins`, { pins });
  assert.equal((await pin({ hello: 'apps/none' })).json.error.code, 'RELEASE_UNKNOWN');
  assert.equal((await pin({ other: TARGET })).json.error.code, 'RELEASE_INCOMPATIBLE');
  assert.equal((await pin({ hello: 'apps/hello/1.0.0/any.sqfs' })).status, 200);
  const { id } = await post(running, '/api/v1/deployments', { target: TARGET, to: { tag: 'all' } });
  assert.deepEqual((await show(running, id)).counts, { skipped: 1 });
  assert.equal((await desiredOf(running, device)).apps.hello.version, '1.0.0');
  const other = { target: TARGET, to: { device: device.id } };
  const refused = await running.operator('POST', '/api/v1/deployments', other);
  assert.equal(refused.json.error.code, 'DEVICE_PINNED');
  await pin({});
  await obey(running, device);
  assert.deepEqual((await show(running, id)).counts, { confirmed: 1 });
  const down = { target: 'apps/hello/1.0.0/any.sqfs', to: { device: device.id } };
  assert.equal((await running.operator('POST', '/api/v1/deployments', down)).json.error.code, 'DOWNGRADE_REFUSED');
  await post(running, '/api/v1/deployments', { ...down, rollout: { allowDowngrade: true } });
  assert.equal((await desiredOf(running, device)).apps.hello.version, '1.0.0');
});

test('a halted rollout that is resumed tries again what failed', async (context) => {
  const { running, devices } = await fleetOf(context, 2);
  const rollout = { waves: [{ devices: 1 }], maxFailurePercent: 0, onFailure: 'halt' };
  const { id } = await post(running, '/api/v1/deployments', { target: TARGET, to: { tag: 'all' }, rollout });
  const [first] = released(await show(running, id), 'waiting');
  const device = devices.find((each) => each.id === first) as DeviceIdentity;
  await obey(running, device, true);
  assert.equal((await show(running, id)).state, 'halted');
  await post(running, `/api/v1/deployments/${id}/resume`);
  assert.equal((await desiredOf(running, device)).apps.hello.deployment, `${id}.2`);
  await obey(running, device);
  assert.deepEqual((await show(running, id)).counts, { confirmed: 1, waiting: 1 });
});

test('a release of a channel goes to devices with its tag; promoted, it goes to the others too', async (context) => {
  const { running, devices, publisher } = await fleetOf(context, 2);
  const [tester, other] = devices as [DeviceIdentity, DeviceIdentity];
  const release = await appTarget('hello', '3.0.0', 'hello 3.0.0');
  const about = release.custom as object;
  await publisher.publish({ ...release, custom: { ...about, channel: 'beta' } }, 'hello 3.0.0');
  await running.operator('PUT', `/api/v1/devices/${tester.id}/tags`, { tags: ['all', 'beta'] });
  const refused = await running.operator('POST', '/api/v1/deployments', {
    target: release.path,
    to: { device: other.id },
  });
  assert.equal(refused.json.error.code, 'RELEASE_INCOMPATIBLE');
  assert.match(refused.json.error.message, /channel beta, and the device has no tag beta/);

  const { id } = await post(running, '/api/v1/deployments', { target: release.path, to: { tag: 'all' } });
  assert.deepEqual(released(await show(running, id), 'skipped'), [other.id]);
  await obey(running, tester);
  assert.equal((await show(running, id)).state, 'done');
  assert.equal((await desiredOf(running, other)).apps.hello, undefined);

  await publisher.publish(release, 'hello 3.0.0');
  assert.equal((await desiredOf(running, other)).apps.hello.version, '3.0.0');
  await obey(running, other);
  assert.deepEqual((await show(running, id)).counts, { confirmed: 2 });
});

test('a release that needs a newer system waits until the device runs one', async (context) => {
  const { running, devices, publisher } = await fleetOf(context, 1);
  const [device] = devices as [DeviceIdentity];
  const release = await appTarget('hello', '3.0.0', 'hello 3.0.0');
  await publisher.publish(
    { ...release, custom: { ...(release.custom as object), minimumSystem: '1.2.0' } },
    'hello 3.0.0',
  );
  const request = { target: release.path, to: { tag: 'all' } };
  const plan = await post(running, '/api/v1/deployments/plan', request);
  assert.match(plan.devices[0].reason, /needs system 1\.2\.0 or newer, the device runs 1\.0\.0/);
  const { id } = await post(running, '/api/v1/deployments', request);
  assert.deepEqual((await show(running, id)).counts, { skipped: 1 });
  const system = { version: '1.2.0', slot: 'b' as const, trial: false };
  await report(running, device, { generation: 0, apps: app('1.0.0'), system });
  assert.equal((await desiredOf(running, device)).apps.hello.version, '3.0.0');
  assert.deepEqual((await show(running, id)).counts, { told: 1 });
});
