import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONFIGURATIONS_HEADER } from '@nodeos/contracts/app-configuration.ts';
import { desiredStateSchema } from '@nodeos/contracts/desired-state.ts';
import { connectAsync } from 'mqtt';
import { runServer } from '../testing/running-server.ts';

const ASK = { [CONFIGURATIONS_HEADER]: '1' };

test('a device is given the fleet’s values, its groups’ and its own, in this order', async (context) => {
  const running = await runServer(context);
  const [hall, shed] = [await running.enrolledDevice(['hall']), await running.enrolledDevice()];
  for (const name of ['a-halls', 'b-halls'])
    await running.operator('PUT', `/api/v1/groups/${name}`, { query: 'tag:hall', devices: [], window: null });
  const set = async (to: object, values: object, app = 'sign') => {
    const answer = await running.operator('POST', `/api/v1/configurations/${app}`, { to, set: values });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  };
  await set({ fleet: true }, { text: 'fleet', size: 1, on: true });
  await set({ group: 'b-halls' }, { text: 'b' });
  await set({ group: 'a-halls' }, { text: 'a', size: { x: 2 } });
  const own = await set({ device: hall.id }, { on: null });
  assert.deepEqual([own.app, own.to, own.values], ['sign', { device: hall.id }, { on: null }]);
  await set({ device: shed.id }, { interval: 5 }, 'sensor');

  const ask = async (device: typeof hall, headers: Record<string, string> = ASK) =>
    running.device(device, 'GET', '/device/v1/desired', undefined, headers);
  const atHall = await ask(hall);
  const { configurations } = desiredStateSchema.parse(atHall.json);
  assert.deepEqual(configurations, { sign: { text: 'b', size: { x: 2 }, on: null } });
  assert.deepEqual((await ask(shed)).json.configurations, {
    sensor: { interval: 5 },
    sign: { text: 'fleet', size: 1, on: true },
  });
  assert.deepEqual((await running.operator('GET', `/api/v1/devices/${hall.id}/configuration`)).json, {
    apps: configurations,
  });

  const etag = String(atHall.headers.etag);
  assert.equal((await ask(hall, { ...ASK, 'if-none-match': etag })).status, 304);
  const left = await running.operator('POST', '/api/v1/configurations/sign', {
    to: { device: hall.id },
    unset: ['on'],
  });
  assert.deepEqual(left.json.values, {});
  const later = await ask(hall, { ...ASK, 'if-none-match': etag });
  assert.deepEqual([later.status, later.json.configurations.sign.on], [200, true]);
  const listed = (await running.operator('GET', '/api/v1/configurations')).json.configurations;
  assert.deepEqual(
    listed.map(({ app, to }: { app: string; to: object }) => [app, to]),
    [
      ['sensor', { device: shed.id }],
      ['sign', { fleet: true }],
      ['sign', { group: 'a-halls' }],
      ['sign', { group: 'b-halls' }],
    ],
  );
});

test('devices that are online are told of what concerns them, and of nothing else', async (context) => {
  const running = await runServer(context);
  const [hall, shed] = [await running.enrolledDevice(['hall'], 'S-1'), await running.enrolledDevice([], 'S-2')];
  await running.operator('PUT', '/api/v1/groups/halls', { query: 'tag:hall', devices: [], window: null });
  const client = await connectAsync(running.server.addresses.mqtt.url, {
    ...{ protocolVersion: 4, clientId: hall.id, ca: running.ca, cert: hall.certificate, key: hall.keyPem },
  });
  context.after(() => client.endAsync(true));
  const told: unknown[] = [];
  client.on('message', (_topic, payload) => told.push(JSON.parse(payload.toString())));
  await client.subscribeAsync(`nodeos/${hall.id}/tell`, { qos: 1 });
  for (const [to, count] of [
    [{ fleet: true }, 1],
    [{ device: shed.id }, 1],
    [{ group: 'halls' }, 2],
    [{ device: hall.id }, 3],
  ] as const) {
    await running.operator('POST', '/api/v1/configurations/sign', { to, set: { text: 'x' } });
    // Its answer comes after all that the device was told before.
    await client.unsubscribeAsync(`nodeos/${hall.id}/repl/in`);
    assert.deepEqual(told, Array(count).fill({ kind: 'desired-changed', generation: 0 }), JSON.stringify(to));
  }
});

test('a device that does not ask for configurations is sent what it knows', async (context) => {
  const running = await runServer(context);
  const device = await running.enrolledDevice();
  await running.operator('POST', '/api/v1/configurations/sign', { to: { fleet: true }, set: { text: 'x' } });
  const { json, headers } = await running.device(device, 'GET', '/device/v1/desired');
  assert.ok(!('configurations' in json));
  assert.equal(headers.etag, `"${json.generation}"`);
});

test('what cannot be is refused, and changes nothing', async (context) => {
  const running = await runServer(context);
  const set = (app: string, body: object) => running.operator('POST', `/api/v1/configurations/${app}`, body);
  for (const [status, app, body] of [
    [404, 'sign', { to: { device: 'nobody' }, set: { a: 1 } }],
    [404, 'sign', { to: { group: 'none' }, set: { a: 1 } }],
    [400, 'Sign', { to: { fleet: true }, set: { a: 1 } }],
    [400, 'sign', { to: { fleet: true }, set: { __proto: 1, '': 2 } }],
    [400, 'sign', { to: {}, set: { a: 1 } }],
    [413, 'sign', { to: { fleet: true }, set: { a: 'x'.repeat(50_000) } }],
    [
      413,
      'sign',
      { to: { fleet: true }, set: Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`k${i}`, i])) },
    ],
  ] as const) {
    assert.equal((await set(app, body)).status, status, JSON.stringify(body).slice(0, 100));
  }
  assert.equal((await set('sign', { to: { fleet: true }, set: { a: 'x'.repeat(30_000) } })).status, 200);
  const device = await running.enrolledDevice();
  assert.equal((await set('sign', { to: { device: device.id }, set: { b: 'x'.repeat(30_000) } })).status, 413);
  assert.equal((await running.operator('GET', '/api/v1/configurations')).json.configurations.length, 1);
});

test('what is set for a device or a group ends with it, and goes on with a device that takes its place', async (context) => {
  const running = await runServer(context);
  const [old, fresh] = [await running.enrolledDevice(), await running.enrolledDevice()];
  await running.operator('PUT', '/api/v1/groups/halls', { query: null, devices: [fresh.id], window: null });
  for (const to of [{ device: old.id }, { group: 'halls' }])
    await running.operator('POST', '/api/v1/configurations/sign', { to, set: { text: JSON.stringify(to) } });
  await running.operator('POST', `/api/v1/devices/${fresh.id}/replace`, { old: old.id });
  const places = async () =>
    (await running.operator('GET', '/api/v1/configurations')).json.configurations.map(({ to }: { to: object }) => to);
  await running.operator('DELETE', `/api/v1/devices/${old.id}`);
  assert.deepEqual(await places(), [{ group: 'halls' }, { device: fresh.id }]);
  await running.operator('DELETE', '/api/v1/groups/halls');
  assert.deepEqual(await places(), [{ device: fresh.id }]);
});

test('fleets do not see each other’s values', async (context) => {
  const running = await runServer(context);
  const north = { 'nodeos-fleet': 'north' };
  await running.operator('POST', '/api/v1/fleets', { id: 'north', name: 'North' });
  await running.operator('POST', '/api/v1/configurations/sign', { to: { fleet: true }, set: { text: 'main' } });
  assert.deepEqual((await running.operator('GET', '/api/v1/configurations', undefined, north)).json.configurations, []);
});
