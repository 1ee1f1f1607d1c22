import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connectAsync, type MqttClient } from 'mqtt';
import { type Authority, openAuthority } from '../authority.ts';
import { SERVER_LIMITS } from '../limits.ts';
import { makeDeviceKey, makeRequest, privatePem } from '../testing/device-identity.ts';
import { type JudgedIdentity, mqttJudge } from '../testing/mqtt-judge.ts';
import { type DeviceIdentity, type RunningServer, runServer } from '../testing/running-server.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { until } from '../testing/until.ts';
import { testBroker } from './broker.suite.ts';
import type { BrokerListener } from './broker.ts';
import { createMqttBroker } from './mqtt-broker.ts';

/** A broker of somebody else that is under way. */
export interface OwnBroker {
  readonly authority: Authority;
  /** The folder of that authority. */
  readonly keys: string;
  readonly devicePort: number;
  readonly serverPort: number;
  /** Where a server must be asked; 0 for brokers that ask nothing. */
  readonly questionsPort: number;
}
export type OpenOwnBroker = (context: TestContext) => Promise<OwnBroker>;
/** Makes the broker's rules known to it for as long as the test lasts. */
export type Answer = (
  context: TestContext,
  broker: OwnBroker,
  mayConnect: (id: string) => Promise<boolean>,
) => Promise<void>;

/** What every broker of one's own must do, whoever made it. */
export function testOwnBroker(
  name: string,
  open: OpenOwnBroker,
  answer: Answer,
  skip: { readonly skip?: string },
): void {
  const options = { ...skip, timeout: 120_000 };
  const url = ({ serverPort }: OwnBroker): string => `mqtts://127.0.0.1:${serverPort}`;
  const always = async (): Promise<boolean> => true;

  testBroker(
    name,
    async (context, { mayConnect, listener }) => {
      const own = await open(context);
      await answer(context, own, mayConnect);
      const broker = createMqttBroker({
        ...{ url: url(own), ca: own.authority.certificate, client: await own.authority.brokerClient() },
        ...{ mayConnect, listener, activeDevices: async () => [] },
      });
      context.after(() => broker.close());
      await broker.listen('', 0);
      return { broker, port: own.devicePort, authority: own.authority };
    },
    skip,
  );

  test(`${name}: a server of another fleet is not let in, nor a device as a server`, options, async (context) => {
    const own = await open(context);
    await answer(context, own, always);
    const foreign = await openAuthority(await temporaryFolder(context));
    const device = await identityOf(own.authority);
    for (const client of [await foreign.brokerClient(), { key: device.keyPem, cert: device.certificate }]) {
      const stranger = createMqttBroker({
        ...{ url: url(own), ca: own.authority.certificate, client },
        ...{ mayConnect: always, listener: {} as BrokerListener, activeDevices: async () => [] },
      });
      context.after(() => stranger.close());
      await assert.rejects(stranger.listen('', 0), { code: 'BROKER_UNREACHABLE' });
    }
  });

  test(
    `${name}: a server reaches its devices through it, and a later one knows who is here`,
    options,
    async (context) => {
      const own = await open(context);
      const dataDir = await temporaryFolder(context);
      await cp(own.keys, join(dataDir, 'keys'), { recursive: true });
      const begin = (): Promise<RunningServer> =>
        runServer(context, dataDir, false, {
          broker: url(own),
          deviceBroker: `mqtts://127.0.0.1:${own.devicePort}`,
          device: { port: own.questionsPort },
        });
      const running = await begin();
      const { json } = await running.operator('GET', '/api/v1/server');
      assert.equal(json.brokerUrl, `mqtts://127.0.0.1:${own.devicePort}`);
      const [device, away] = [await running.enrolledDevice(), await running.enrolledDevice()];
      const client = await connectTo(context, json.brokerUrl, running.ca, device);
      const told = new Promise<string>((resolve) => client.once('message', (_topic, payload) => resolve(`${payload}`)));
      await client.subscribeAsync(`nodeos/${device.id}/tell`, { qos: 1 });
      await client.publishAsync(`nodeos/${device.id}/presence`, '{"online":true}', { qos: 1, retain: true });
      const isOnline = async (server: RunningServer, { id }: DeviceIdentity): Promise<boolean> =>
        (await server.operator('GET', `/api/v1/devices/${id}`)).json.online;
      await until('online', () => isOnline(running, device));
      assert.equal((await running.operator('POST', `/api/v1/devices/${device.id}/reboot`)).status, 202);
      assert.equal(await told, '{"kind":"reboot"}');

      await running.server.close();
      const later = await begin();
      await until('online at the later server', () => isOnline(later, device));
      assert.equal(await isOnline(later, away), false);
      assert.ok(client.connected);
      await later.operator('POST', `/api/v1/devices/${device.id}/revoke`);
      await until('the end of its connection', () => !client.connected);
    },
  );

  test(`${name}: a server that comes to a whole fleet looks up so many devices at once`, options, async (context) => {
    const { authority, own, server } = await beginJudging(context);
    const atOnce = SERVER_LIMITS.brokerEventsAtOnce;
    const ids = Array.from({ length: atOnce * 3 }, (_, index) => index.toString(16).padStart(16, '0'));
    const say = (id: string, online: boolean) =>
      server.publishAsync(`nodeos/${id}/presence`, JSON.stringify({ online }), { qos: 1, retain: true });
    await Promise.all(ids.map((id) => say(id, true)));
    const [asked, faults]: [string[], unknown[]] = [[], []];
    const faulty = ids[7];
    const gate = Promise.withResolvers<void>();
    const broker = createMqttBroker({
      ...{ url: url(own), ca: authority.certificate, client: await authority.brokerClient() },
      async mayConnect(id) {
        asked.push(id);
        await gate.promise;
        if (id === faulty) throw new Error('the database is gone');
        return true;
      },
      listener: {
        presence: () => {},
        malformed: (...fault: unknown[]) => faults.push(fault),
      } as unknown as BrokerListener,
      activeDevices: async () => ids,
    });
    context.after(() => broker.close());
    await broker.listen('', 0);
    await until('all online', () => ids.every(broker.isOnline));
    assert.equal(asked.length, atOnce);
    const gone = ids.filter((id) => !asked.includes(id)).slice(0, 5);
    await Promise.all(gone.map((id) => say(id, false)));
    await until('some gone', () => !gone.some(broker.isOnline));
    gate.resolve();
    const there = ids.filter((id) => !gone.includes(id));
    await until('all that are there looked up', () => asked.length >= there.length);
    assert.deepEqual(asked.toSorted(), there);
    assert.deepEqual(faults, [[faulty, new Error('the database is gone')]]);
  });

  test(`${name}: mosquitto_pub: a device publishes to its own topics and to no others`, options, async (context) => {
    const { judge, server, one, two } = await beginJudging(context);
    const heard: string[] = [];
    server.on('message', (topic) => heard.push(topic));
    await server.subscribeAsync('nodeos/#', { qos: 1 });
    const refused = [
      `nodeos/${two.id}/presence`,
      `nodeos/${one.id}/tell`,
      `nodeos/${one.id}/repl/in`,
      'nodeos/elsewhere',
    ];
    for (const topic of refused) if ((await judge.publish(one, topic)) === null) return;
    await judge.publish(one, `nodeos/${two.id}/logs`, two.id);
    const own = ['presence', 'logs', 'repl/out'].map((kind) => `nodeos/${one.id}/${kind}`);
    for (const topic of own) {
      const verdict = await judge.publish(one, topic);
      assert.match(verdict?.output ?? '', /received PUBACK/);
    }
    await until('the last', () => heard.includes(own.at(-1) as string));
    assert.deepEqual(heard, own);
  });

  test(`${name}: mosquitto_sub: a device is sent its own messages and no others`, options, async (context) => {
    const { judge, server, authority, one } = await beginJudging(context);
    const others = ['#', 'nodeos/+/tell', `nodeos/${one.id}/#`, `nodeos/${one.id}/tell`, `nodeos/${one.id}/logs`];
    const curious = await Promise.all(others.map(async (filter) => ({ filter, by: await identityOf(authority) })));
    const listening = Promise.all([
      ...curious.map(({ filter, by }) => judge.subscribe(by, [filter, `nodeos/${by.id}/tell`], 3, 8)),
      judge.subscribe(one, [`nodeos/${one.id}/tell`], 1, 60),
    ]);
    let over = false;
    const [verdicts] = await Promise.all([
      listening.finally(() => {
        over = true;
      }),
      (async () => {
        while (!over) {
          for (const kind of ['tell', 'logs', 'presence'])
            await server.publishAsync(`nodeos/${one.id}/${kind}`, 'secret', { qos: 1 });
          for (const { by } of curious) await server.publishAsync(`nodeos/${by.id}/tell`, 'own', { qos: 1 });
        }
      })(),
    ]);
    if (verdicts.includes(null)) return;
    const outputs = verdicts.map((verdict) => verdict?.output ?? '');
    assert.match(outputs.pop() as string, new RegExp(`^nodeos/${one.id}/tell secret$`, 'm'));
    for (const [index, { filter, by }] of curious.entries()) {
      const output = outputs[index] as string;
      assert.doesNotMatch(output, /secret/, filter);
      // A broker may let it subscribe in vain, or end its connection for it.
      const got = output.split('\n').filter((line) => line === `nodeos/${by.id}/tell own`).length;
      assert.ok(got === 3 || !/Subscribed/.test(output), `${filter}: ${output}`);
    }
  });

  async function beginJudging(context: TestContext) {
    const own = await open(context);
    await answer(context, own, always);
    const { authority } = own;
    const judge = mqttJudge(context, {
      port: own.devicePort,
      ca: authority.certificate,
      folder: await temporaryFolder(context),
    });
    const { key, cert } = await authority.brokerClient();
    const words = { id: 'nodeos-server-judged', keyPem: key, certificate: cert };
    const server = await connectTo(context, url(own), authority.certificate, words);
    return { own, authority, judge, server, one: await identityOf(authority), two: await identityOf(authority) };
  }
}

/** A device that no server knows. */
export async function identityOf(authority: Authority): Promise<JudgedIdentity> {
  const key = await makeDeviceKey();
  const request = await authority.readRequest(await makeRequest(key));
  return { id: request.deviceId, keyPem: privatePem(key), certificate: await authority.issueDevice(request) };
}

/** A client at a broker on loopback, without a will, gone when the test has ended. */
export async function connectTo(
  context: TestContext,
  url: string,
  ca: string,
  { id, keyPem, certificate }: JudgedIdentity,
): Promise<MqttClient> {
  const words = { protocolVersion: 4, clientId: id, ca, key: keyPem, cert: certificate, reconnectPeriod: 0 } as const;
  const client = await connectAsync(url, words, false);
  client.on('error', () => undefined);
  context.after(() => client.endAsync(true));
  return client;
}
