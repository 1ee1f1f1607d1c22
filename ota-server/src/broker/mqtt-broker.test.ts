import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connectAsync } from 'mqtt';
import { openAuthority } from '../authority.ts';
import { mosquittoMissing, startMosquitto } from '../testing/mosquitto.ts';
import { runServer } from '../testing/running-server.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { until } from '../testing/until.ts';
import { testBroker } from './broker.suite.ts';
import { createMqttBroker } from './mqtt-broker.ts';

const options = mosquittoMissing();

async function mosquitto(context: TestContext) {
  const authority = await openAuthority(await temporaryFolder(context));
  const running = await startMosquitto(await temporaryFolder(context), authority);
  context.after(() => running.kill());
  return { authority, running };
}

testBroker(
  'mosquitto',
  async (context, { mayConnect, listener }) => {
    const { authority, running } = await mosquitto(context);
    const broker = createMqttBroker({
      ...{ url: `mqtts://127.0.0.1:${running.serverPort}`, ca: authority.certificate },
      ...{ client: await authority.brokerClient(), mayConnect, listener },
    });
    context.after(() => broker.close());
    await broker.listen('', 0);
    return { broker, port: running.devicePort, authority };
  },
  options,
);

test('mosquitto: a device’s certificate does not open the servers’ door', options, async (context) => {
  const { authority, running } = await mosquitto(context);
  const foreign = await openAuthority(await temporaryFolder(context));
  const words = { mayConnect: async () => true, listener: {} as never, ca: authority.certificate };
  const stranger = createMqttBroker({
    ...words,
    url: `mqtts://127.0.0.1:${running.serverPort}`,
    client: await foreign.brokerClient(),
  });
  context.after(() => stranger.close());
  await assert.rejects(stranger.listen('', 0), { code: 'BROKER_UNREACHABLE' });
});

test('mosquitto: a server is told of it, and reaches its devices through it', options, async (context) => {
  const dataDir = await temporaryFolder(context);
  const authority = await openAuthority(join(dataDir, 'keys'));
  const folder = await temporaryFolder(context);
  const outside = await startMosquitto(folder, authority);
  context.after(() => outside.kill());
  const running = await runServer(context, dataDir, false, {
    broker: `mqtts://127.0.0.1:${outside.serverPort}`,
    deviceBroker: `mqtts://127.0.0.1:${outside.devicePort}`,
  });
  const { json } = await running.operator('GET', '/api/v1/server');
  assert.equal(json.brokerUrl, `mqtts://127.0.0.1:${outside.devicePort}`);
  const device = await running.enrolledDevice();
  const client = await connectAsync(json.brokerUrl, {
    ...{ protocolVersion: 4, clientId: device.id, ca: running.ca, key: device.keyPem, cert: device.certificate },
    ...{ reconnectPeriod: 0 },
  });
  context.after(() => client.endAsync(true));
  const told = new Promise<string>((resolve) => client.once('message', (_topic, payload) => resolve(`${payload}`)));
  await client.subscribeAsync(`nodeos/${device.id}/tell`, { qos: 1 });
  await client.publishAsync(`nodeos/${device.id}/presence`, '{"online":true}', { qos: 1, retain: true });
  await until('online', async () => (await running.operator('GET', `/api/v1/devices/${device.id}`)).json.online);
  assert.equal((await running.operator('POST', `/api/v1/devices/${device.id}/reboot`)).status, 202);
  assert.equal(await told, '{"kind":"reboot"}');
  await running.operator('POST', `/api/v1/devices/${device.id}/revoke`);
  await until('the end of its connection', () => !client.connected);
});
