import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connectAsync } from 'mqtt';
import { openAuthority } from '../authority.ts';
import { runJudge } from '../testing/judge.ts';
import { type DeviceIdentity, type RunningServer, runServer } from '../testing/running-server.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { until } from '../testing/until.ts';
import { mayPublish, maySubscribe } from './access.ts';
import { createAedesBroker } from './aedes-broker.ts';
import { testBroker } from './broker.suite.ts';
import { identityOf } from './own-broker.suite.ts';

/** Short messages; the system takes some megabytes for one connection over loopback. */
const MORE_THAN_BUFFERS = 300_000;

testBroker('aedes', async (context, { mayConnect, listener }) => {
  const authority = await openAuthority(await temporaryFolder(context));
  const certificate = await authority.serverCertificate(['127.0.0.1']);
  const broker = await createAedesBroker({ certificate, ca: authority.certificate, mayConnect, listener });
  context.after(() => broker.close());
  return { broker, port: await broker.listen('127.0.0.1', 0), authority };
});

async function credentials(running: RunningServer, identity: DeviceIdentity): Promise<string[]> {
  const file = (name: string): string => join(running.dataDir, `${identity.id}-${name}.pem`);
  await writeFile(file('ca'), running.ca);
  await writeFile(file('cert'), identity.certificate);
  await writeFile(file('key'), identity.keyPem);
  const { port } = running.server.addresses.mqtt;
  const tls = ['--cafile', file('ca'), '--cert', file('cert'), '--key', file('key')];
  return ['-h', '127.0.0.1', '-p', String(port), '-V', 'mqttv311', ...tls, '-d'];
}

const publish = async (
  context: TestContext,
  running: RunningServer,
  identity: DeviceIdentity,
  topic: string,
  clientId = identity.id,
) =>
  runJudge(context, 'mosquitto_pub', [
    ...(await credentials(running, identity)),
    '-i',
    clientId,
    '-q',
    '1',
    '-t',
    topic,
    '-m',
    '{"online":true}',
  ]);

test('access rules: own topics by their full names and nothing else', () => {
  const [own, other] = ['a'.repeat(16), 'b'.repeat(16)];
  for (const topic of ['presence', 'logs', 'repl/out']) {
    assert.ok(mayPublish(own, `nodeos/${own}/${topic}`));
    assert.ok(!mayPublish(own, `nodeos/${other}/${topic}`));
    assert.ok(!maySubscribe(own, `nodeos/${own}/${topic}`));
  }
  for (const topic of ['tell', 'repl/in']) {
    assert.ok(maySubscribe(own, `nodeos/${own}/${topic}`));
    assert.ok(!maySubscribe(own, `nodeos/${other}/${topic}`));
    assert.ok(!mayPublish(own, `nodeos/${own}/${topic}`));
  }
  for (const filter of ['#', '+/+/tell', `nodeos/${own}/#`, `nodeos/${own}/+`, '$SYS/#', ''])
    assert.ok(!maySubscribe(own, filter));
});

test('mosquitto_pub: a device publishes to its own topics and to no others', async (context) => {
  const running = await runServer(context);
  const [one, two] = [await running.enrolledDevice(), await running.enrolledDevice()];
  const own = await publish(context, running, one, `nodeos/${one.id}/presence`);
  if (own === null) return;
  assert.equal(own.status, 0, own.output);
  assert.match(own.output, /received PUBACK/);
  for (const topic of [`nodeos/${two.id}/presence`, `nodeos/${one.id}/tell`, `nodeos/${one.id}/repl/in`, 'elsewhere'])
    assert.doesNotMatch((await publish(context, running, one, topic))?.output ?? '', /received PUBACK/, topic);
  assert.doesNotMatch(
    (await publish(context, running, one, `nodeos/${two.id}/presence`, two.id))?.output ?? '',
    /received PUBACK/,
  );
});

test('mosquitto_sub: a device subscribes to its own tell and repl/in only', async (context) => {
  const running = await runServer(context);
  const [one, two] = [await running.enrolledDevice(), await running.enrolledDevice()];
  // -E: ends when the broker has answered the subscription.
  const subscribe = async (filter: string) =>
    runJudge(context, 'mosquitto_sub', [...(await credentials(running, one)), '-i', one.id, '-E', '-t', filter]);
  const own = await subscribe(`nodeos/${one.id}/tell`);
  if (own === null) return;
  assert.match(own.output, /Subscribed \(mid: 1\): 0/);
  for (const filter of [`nodeos/${two.id}/tell`, `nodeos/${one.id}/logs`, '#', 'nodeos/+/tell'])
    assert.match((await subscribe(filter))?.output ?? '', /subscription requests were denied/, filter);
});

test('mosquitto_pub: without a certificate, with a foreign one, or revoked there is no connection', async (context) => {
  const [running, foreign] = [await runServer(context), await runServer(context)];
  const device = await running.enrolledDevice();
  const stranger = await foreign.enrolledDevice();
  const refused = await publish(context, running, { ...stranger, id: stranger.id }, `nodeos/${stranger.id}/presence`);
  if (refused === null) return;
  assert.notEqual(refused.status, 0);
  assert.doesNotMatch(refused.output, /CONNACK \(0\)/);
  const { port } = running.server.addresses.mqtt;
  const cafile = join(running.dataDir, `${stranger.id}-ca.pem`);
  const bare = await runJudge(context, 'mosquitto_pub', [
    '-h',
    '127.0.0.1',
    '-p',
    String(port),
    '--cafile',
    cafile,
    '-t',
    'x',
    '-m',
    'x',
    '-d',
  ]);
  assert.doesNotMatch(bare?.output ?? '', /CONNACK \(0\)/);
  await running.operator('POST', `/api/v1/devices/${device.id}/revoke`);
  const revoked = await publish(context, running, device, `nodeos/${device.id}/presence`);
  assert.match(revoked?.output ?? '', /CONNACK \(5\)/);
});

async function connect(running: RunningServer, identity: DeviceIdentity) {
  const will = {
    topic: `nodeos/${identity.id}/presence`,
    payload: Buffer.from('{"online":false}'),
    qos: 1 as const,
    retain: true,
  };
  return connectAsync(running.server.addresses.mqtt.url, {
    protocolVersion: 4,
    clientId: identity.id,
    ca: running.ca,
    cert: identity.certificate,
    key: identity.keyPem,
    reconnectPeriod: 0,
    will,
  });
}

test('presence follows the connection, its loss, and the device’s own word', async (context) => {
  const running = await runServer(context);
  const device = await running.enrolledDevice();
  const online = async (): Promise<boolean> =>
    (await running.operator('GET', `/api/v1/devices/${device.id}`)).json.online;
  assert.equal(await online(), false);
  const client = await connect(running, device);
  await until('online', online);
  await client.publishAsync(`nodeos/${device.id}/presence`, '{"online":false}', { qos: 1 });
  await until('offline by its own word', async () => !(await online()));
  await client.publishAsync(`nodeos/${device.id}/presence`, '{"online":true}', { qos: 1 });
  await until('online again', online);
  client.stream.destroy();
  await until('offline after the loss', async () => !(await online()));
  const second = await connect(running, device);
  await until('online after coming back', online);
  await running.operator('POST', `/api/v1/devices/${device.id}/revoke`);
  await until('revoked device thrown out', () => !second.connected);
  await second.endAsync(true);
});

test('a will for another device’s topic is refused at the door', async (context) => {
  const running = await runServer(context);
  const [one, two] = [await running.enrolledDevice(), await running.enrolledDevice()];
  const will = ['--will-topic', `nodeos/${two.id}/presence`, '--will-payload', '{"online":false}'];
  const topic = `nodeos/${one.id}/presence`;
  const verdict = await runJudge(context, 'mosquitto_pub', [
    ...(await credentials(running, one)),
    ...['-i', one.id, '-q', '1', '-t', topic, '-m', '{"online":true}'],
    ...will,
  ]);
  if (verdict !== null) assert.doesNotMatch(verdict.output, /CONNACK \(0\)/);
});

test('a payload that does not fit its schema is dropped and the connection stays', async (context) => {
  const running = await runServer(context);
  const device = await running.enrolledDevice();
  const client = await connect(running, device);
  for (const payload of ['{', '{"lines":1}', '{"lines":[{"at":"x"}]}'])
    await client.publishAsync(`nodeos/${device.id}/logs`, payload, { qos: 1 });
  assert.equal(client.connected, true);
  await client.endAsync();
});

/** The broker by itself, and a client of it that may subscribe to what it is told. */
async function beginAlone(context: TestContext) {
  const authority = await openAuthority(await temporaryFolder(context));
  const certificate = await authority.serverCertificate(['127.0.0.1']);
  const online = Promise.withResolvers<void>();
  const broker = await createAedesBroker({
    ...{ certificate, ca: authority.certificate, mayConnect: async () => true },
    listener: { presence() {}, listening: () => online.resolve(), logs() {}, repl() {}, malformed() {} },
  });
  context.after(() => broker.close());
  const port = await broker.listen('127.0.0.1', 0);
  const { id, keyPem: key, certificate: cert } = await identityOf(authority);
  const tls = { clientId: id, ca: authority.certificate, key, cert, reconnectPeriod: 0 };
  const client = await connectAsync(`mqtts://127.0.0.1:${port}`, { protocolVersion: 4, ...tls });
  context.after(() => client.endAsync(true));
  const listen = async (): Promise<void> => {
    await client.subscribeAsync(`nodeos/${id}/tell`, { qos: 1 });
    await online.promise;
  };
  return { broker, id, client, listen };
}

test('aedes: of a desired state a device is told without an answer, of what it must do with one', async (context) => {
  const { broker, id, client, listen } = await beginAlone(context);
  const got: number[] = [];
  client.on('message', (_topic, _payload, { qos }) => got.push(qos));
  const tellBoth = async (): Promise<boolean[]> => [
    await broker.tell(id, { kind: 'desired-changed', generation: 1 }),
    await broker.tell(id, { kind: 'reboot' }),
  ];
  await until('there', () => broker.isOnline(id));
  assert.deepEqual(await tellBoth(), [false, false], 'who does not listen is not told');
  await listen();
  assert.deepEqual(await tellBoth(), [true, true]);
  await until('both', () => got.length === 2);
  assert.deepEqual(got, [0, 1]);
  await client.unsubscribeAsync(`nodeos/${id}/tell`);
  assert.deepEqual(await tellBoth(), [false, false]);
});

test('aedes: a device that takes nothing any more counts as not told, and nothing piles up for it', async (context) => {
  const { broker, id, client, listen } = await beginAlone(context);
  const got: string[] = [];
  client.on('message', (_topic, payload) => got.push(payload.toString()));
  await listen();
  const tell = (generation: number) => broker.tell(id, { kind: 'desired-changed', generation });
  let told = 0;
  // No event comes between, so that the client in this process reads nothing: only the system's buffers take it.
  while (told < MORE_THAN_BUFFERS && (await tell(told))) told++;
  assert.ok(told > 0 && told < MORE_THAN_BUFFERS, `${told} messages were taken`);
  await until('all that was taken', () => got.length === told);
  assert.deepEqual(
    got.map((text) => JSON.parse(text).generation),
    Array.from({ length: told }, (_, generation) => generation),
  );
  assert.equal(await tell(told), true, 'it reads again');
});

test('aedes: a device that is being cut off is not told', async (context) => {
  const { broker, id, listen } = await beginAlone(context);
  await listen();
  const gone = broker.disconnect(id);
  assert.equal(await broker.tell(id, { kind: 'desired-changed', generation: 1 }), false);
  await gone;
});
