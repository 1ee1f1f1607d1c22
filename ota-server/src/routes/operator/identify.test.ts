import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectAsync } from 'mqtt';
import { runServer } from '../../testing/running-server.ts';
import { until } from '../../testing/until.ts';

test('a device that is connected is told to identify itself, half a minute unless said otherwise', async (t) => {
  const running = await runServer(t);
  const device = await running.enrolledDevice();
  const ask = (body?: object) => running.operator('POST', `/api/v1/devices/${device.id}/identify`, body);
  const offline = await ask({});
  assert.deepEqual([offline.status, offline.json.error.code], [409, 'DEVICE_OFFLINE']);
  const client = await connectAsync(running.server.addresses.mqtt.url, {
    ...{ protocolVersion: 4, clientId: device.id, ca: running.ca, cert: device.certificate, key: device.keyPem },
  });
  t.after(() => client.endAsync(true));
  const told: string[] = [];
  client.on('message', (_topic, payload) => told.push(payload.toString()));
  await client.subscribeAsync(`nodeos/${device.id}/tell`, { qos: 1 });
  for (const body of [undefined, {}, { seconds: 300 }]) assert.equal((await ask(body)).status, 202);
  for (const seconds of [0, 301, 1.5, '30', null]) assert.equal((await ask({ seconds })).status, 400, `${seconds}`);
  await until('the messages', () => told.length >= 3);
  assert.deepEqual(
    told.map((text) => JSON.parse(text)),
    [30, 30, 300].map((seconds) => ({ kind: 'identify', seconds })),
  );
  assert.equal((await running.operator('POST', '/api/v1/devices/none/identify', {})).status, 404);
});
