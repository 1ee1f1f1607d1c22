import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectAsync } from 'mqtt';
import { deviceReport, runServer } from '../../testing/running-server.ts';
import { until } from '../../testing/until.ts';

test('only a device whose data lies in RAM is told to make its data partition anew', async (t) => {
  const running = await runServer(t);
  const device = await running.enrolledDevice();
  const ask = () => running.operator('POST', `/api/v1/devices/${device.id}/reformat-data`, {});
  const report = (dataStore: 'disk' | 'ram') =>
    running.device(device, 'POST', '/device/v1/report', deviceReport({ dataStore }));
  assert.equal((await ask()).json.error.code, 'CONFLICT');
  await report('disk');
  assert.equal((await ask()).status, 409);
  await report('ram');
  assert.equal((await ask()).json.error.code, 'DEVICE_OFFLINE');
  const client = await connectAsync(running.server.addresses.mqtt.url, {
    ...{ protocolVersion: 4, clientId: device.id, ca: running.ca, cert: device.certificate, key: device.keyPem },
  });
  t.after(() => client.endAsync(true));
  const told: string[] = [];
  client.on('message', (_topic, payload) => told.push(payload.toString()));
  await client.subscribeAsync(`nodeos/${device.id}/tell`, { qos: 1 });
  assert.equal((await ask()).status, 202);
  await until('the message', () => told.includes('{"kind":"reformat-data"}'));
});
