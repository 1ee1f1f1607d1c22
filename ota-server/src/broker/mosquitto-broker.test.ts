import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import { openAuthority } from '../authority.ts';
import { mosquittoMissing, startMosquitto } from '../testing/mosquitto.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { until } from '../testing/until.ts';
import { createMqttBroker } from './mqtt-broker.ts';
import { testOwnBroker } from './own-broker.suite.ts';

testOwnBroker(
  'mosquitto',
  async (context) => {
    const keys = await temporaryFolder(context);
    const authority = await openAuthority(keys);
    const { devicePort, serverPort, kill } = await startMosquitto(await temporaryFolder(context), authority);
    context.after(() => kill());
    return { authority, keys, devicePort, serverPort, questionsPort: 0 };
  },
  async () => {},
  mosquittoMissing(),
);

test(
  'mosquitto: what a lost connection took with it was not told, though its last is said anew',
  mosquittoMissing(),
  async (context) => {
    const authority = await openAuthority(await temporaryFolder(context));
    const mosquitto = await startMosquitto(await temporaryFolder(context), authority);
    context.after(() => mosquitto.kill());
    const [ca, url] = [authority.certificate, `mqtts://127.0.0.1:${mosquitto.serverPort}`];
    const broker = createMqttBroker({
      ...{ url, ca, client: await authority.brokerClient() },
      ...{ mayConnect: async () => true, activeDevices: async () => [] },
      listener: { presence() {}, listening() {}, logs() {}, repl() {}, malformed() {} },
    });
    context.after(() => broker.close());
    await broker.listen('', 0);
    const { key, cert } = await authority.brokerClient();
    const identity = { clientId: 'nodeos-server-tester', ca, key, cert, reconnectPeriod: 0 };
    const devices = ['0', '1', '2'].map((digit) => digit.repeat(16));
    const arrive = async (): Promise<void> => {
      const client = await connectAsync(url, { protocolVersion: 4, ...identity });
      for (const id of devices)
        await client.publishAsync(`nodeos/${id}/presence`, '{"online":true}', { qos: 1, retain: true });
      await client.endAsync();
    };
    const tellAll = (): Promise<boolean[]> =>
      Promise.all(devices.map((id) => broker.tell(id, { kind: 'desired-changed', generation: 1 })));
    const areThere = (): boolean => devices.every((id) => broker.isOnline(id));
    await arrive();
    await until('all there', areThere);
    assert.deepEqual(await tellAll(), [true, true, true]);
    mosquitto.freeze();
    const told = tellAll();
    // Only what has been sent can be lost.
    await nextTurn();
    await mosquitto.kill();
    await mosquitto.start();
    assert.deepEqual(await told, [false, false, false]);
    await arrive();
    await until('all there again', areThere);
    assert.deepEqual(await tellAll(), [true, true, true]);
  },
);
