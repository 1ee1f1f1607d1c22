import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { UpdateStatus } from '@nodeos/contracts/device-api.ts';
import { topics } from '@nodeos/contracts/mqtt.ts';
import { createEventQueue } from '@nodeos/device-agent/src/event-queue.ts';
import { createServerHttp } from '@nodeos/device-agent/src/transport/http.ts';
import { connectBroker } from '@nodeos/device-agent/src/transport/mqtt.ts';
import { openSession } from '@nodeos/device-agent/src/transport/session.ts';
import { openAuthority } from '@nodeos/ota-server/src/authority.ts';
import { makeDeviceKey, makeRequest, privatePem } from '@nodeos/ota-server/src/testing/device-identity.ts';
import { makePublisher } from '@nodeos/ota-server/src/testing/publish.ts';
import { appTarget, makeReleaseKey, makeTargets } from '@nodeos/ota-server/src/testing/release-keys.ts';
import {
  type DeviceIdentity,
  deviceReport,
  enrolment,
  type RunningServer,
  runServer,
} from '@nodeos/ota-server/src/testing/running-server.ts';
import { until } from '@nodeos/ota-server/src/testing/until.ts';
import { connectAsync, type IClientOptions, connect as mqttConnect } from 'mqtt';
import { temporaryFolder } from '../fuzz/folder.ts';
import type { Attack } from './attack.ts';

/** A real server on free ports, closed when the attack is over. */
async function withServer(
  attack: (server: RunningServer, after: TestContext['after']) => Promise<string>,
): Promise<string> {
  const closers: (() => unknown)[] = [];
  const after = ((close: () => unknown) => void closers.unshift(close)) as TestContext['after'];
  try {
    return await attack(await runServer({ after } as TestContext), after);
  } finally {
    for (const close of closers) await close();
  }
}

const connectOptions = (server: RunningServer, device: DeviceIdentity, clientId = device.id): IClientOptions => ({
  ...{ protocolVersion: 4, clientId, reconnectPeriod: 0, connectTimeout: 5_000 },
  ...{ ca: server.ca, cert: device.certificate, key: device.keyPem },
});

const connect = (server: RunningServer, device: DeviceIdentity) =>
  connectAsync(server.server.addresses.mqtt.url, connectOptions(server, device));

const refusal = (answer: { status: number; text: string }) => {
  assert.ok(answer.status >= 400, `answered ${answer.status}`);
  const { error } = JSON.parse(answer.text);
  return `${answer.status} ${error.code}: ${error.message}`;
};

/** A certificate that another authority gave for the victim's name. */
async function forgedCertificate(victim: DeviceIdentity): Promise<DeviceIdentity> {
  const key = await makeDeviceKey();
  const authority = await openAuthority(temporaryFolder());
  const request = await authority.readRequest(await makeRequest(key));
  const certificate = await authority.issueDevice({ ...request, deviceId: victim.id });
  return { id: victim.id, key, keyPem: privatePem(key), certificate };
}

const REPLAYED: Omit<UpdateStatus, 'target' | 'deployment'> = {
  lane: 'app',
  name: 'hello',
  version: '1.0.0',
  state: 'confirmed',
  percent: null,
  reason: null,
};

export const ON_SERVER: readonly Attack[] = [
  {
    title: 'device API without a certificate',
    expected: /^401 UNAUTHENTICATED/,
    run: () => withServer(async (server) => refusal(await server.device(null, 'GET', '/device/v1/desired'))),
  },
  {
    title: 'certificate with a device’s name by another authority',
    expected: /^401 UNAUTHENTICATED/,
    run: () =>
      withServer(async (server) => {
        const forged = await forgedCertificate(await server.enrolledDevice());
        return refusal(await server.device(forged, 'GET', '/device/v1/desired'));
      }),
  },
  {
    title: 'certificate of a revoked device',
    expected: /^403 FORBIDDEN/,
    run: () =>
      withServer(async (server) => {
        const device = await server.enrolledDevice();
        await server.operator('POST', `/api/v1/devices/${device.id}/revoke`);
        return refusal(await server.device(device, 'GET', '/device/v1/desired'));
      }),
  },
  {
    title: 'another device’s certificate on the HTTP routes',
    expected: /^its own state and its own report only/,
    run: () =>
      withServer(async (server) => {
        const [thief, victim] = [await server.enrolledDevice(), await server.enrolledDevice(['kiosk'])];
        const publisher = await makePublisher(server);
        const target = await appTarget('hello', '1.0.0', 'the bundle');
        await publisher.publish(target, 'the bundle');
        await server.operator('POST', '/api/v1/deployments', { target: target.path, to: { tag: 'kiosk' } });
        const seen = await server.device(thief, 'GET', '/device/v1/desired', undefined, { 'x-device-id': victim.id });
        assert.deepEqual(seen.json.apps, {});
        await server.device(thief, 'POST', '/device/v1/report', deviceReport({ bootId: 'thief' }));
        const { report } = (await server.operator('GET', `/api/v1/devices/${victim.id}`)).json;
        assert.equal(report, null);
        return 'its own state and its own report only: the certificate is the only name of a device';
      }),
  },
  {
    title: 'another device’s certificate on MQTT topics: subscribe',
    expected: /^refused/,
    run: () =>
      withServer(async (server, after) => {
        const [thief, victim] = [await server.enrolledDevice(), await server.enrolledDevice()];
        const client = await connect(server, thief);
        after(() => client.endAsync(true));
        const told: string[] = [];
        client.on('message', (topic) => told.push(topic));
        const filters = [topics.tell(victim.id), topics.replIn(victim.id), 'nodeos/#', '+/+/tell', '#'];
        for (const filter of filters) {
          const granted = await client.subscribeAsync(filter, { qos: 1 }).catch((error: Error) => error.message);
          if (typeof granted !== 'string')
            assert.ok(
              granted.every(({ qos }) => qos === 128),
              filter,
            );
        }
        assert.equal(await server.server.tell(victim.id, { kind: 'report-now' }), false);
        assert.deepEqual(told, []);
        return `refused, all ${filters.length} filters`;
      }),
  },
  {
    title: 'another device’s certificate on MQTT topics: publish',
    expected: /^refused/,
    run: () =>
      withServer(async (server, after) => {
        const [thief, victim] = [await server.enrolledDevice(), await server.enrolledDevice()];
        for (const topic of [topics.presence(victim.id), topics.logs(victim.id), topics.tell(victim.id)]) {
          const client = await connect(server, thief);
          after(() => client.endAsync(true));
          const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
          client.publish(topic, JSON.stringify({ online: true }), { qos: 1 });
          await closed;
        }
        assert.equal((await server.operator('GET', `/api/v1/devices/${victim.id}`)).json.online, false);
        return 'refused: the connection is closed, the victim stays offline';
      }),
  },
  {
    title: 'MQTT connection under another device’s client id',
    expected: /^refused/,
    run: () =>
      withServer(async (server) => {
        const [thief, victim] = [await server.enrolledDevice(), await server.enrolledDevice()];
        const client = mqttConnect(server.server.addresses.mqtt.url, connectOptions(server, thief, victim.id));
        let connected = false;
        client.once('connect', () => {
          connected = true;
        });
        await new Promise<void>((resolve) => client.once('close', () => resolve()));
        assert.equal(connected, false);
        return 'refused at the door: the connection is closed before it is one';
      }),
  },
  {
    title: 'forged MQTT trigger',
    expected: /^the device asks the server/,
    run: () =>
      withServer(async (server, after) => {
        const device = await server.enrolledDevice();
        const { addresses } = server.server;
        const http = createServerHttp(addresses.device.url, server.ca, () => {});
        http.identify({ certificate: device.certificate, key: device.keyPem });
        const applied: number[] = [];
        const logged: string[] = [];
        const log = (text: string) => void logged.push(text);
        const session = openSession({
          ...{ http, log, events: createEventQueue(() => {}), buildReport: async () => deviceReport() },
          updater: {
            apply: ({ generation }) => void applied.push(generation),
            serverReachable() {},
            acknowledge: async () => {},
          },
          ...{ onOnline() {}, onOffline() {}, onRejected() {} },
        });
        let polls = 0;
        let subscribed = false;
        const broker = connectBroker({
          ...{ url: addresses.mqtt.url, deviceId: device.id, ca: server.ca, log },
          identity: { certificate: device.certificate, key: device.keyPem },
          onTell: () => {
            polls++;
            session.poll();
          },
          onConnected: () => {
            subscribed = true;
          },
          ...{ onReplInput() {}, onDisconnected() {} },
        });
        after(async () => {
          session.close();
          await broker.close();
          http.close();
        });
        await until('the session', () => applied.length > 0);
        const forged = { kind: 'desired-changed', generation: 999, system: { version: '9.9.9' } };
        await until('the subscription', () => subscribed);
        await until('the broker', () => server.server.tell(device.id, { kind: 'desired-changed', generation: 999 }));
        await until('the trigger', () => polls > 0);
        await until('a refused trigger', async () => {
          await server.server.tell(device.id, forged as never);
          return logged.some((text) => /MQTT tell is not valid/.test(text));
        });
        assert.deepEqual([...new Set(applied)], [0]);
        return 'the device asks the server, which wants what it wanted before; what does not fit the schema is dropped';
      }),
  },
  {
    title: 'report of one device replayed by another',
    expected: /^counts for nobody else/,
    run: () =>
      withServer(async (server) => {
        const [victim, thief] = [await server.enrolledDevice(['kiosk']), await server.enrolledDevice()];
        const publisher = await makePublisher(server);
        const target = await appTarget('hello', '1.0.0', 'the bundle');
        await publisher.publish(target, 'the bundle');
        const deployment = (
          await server.operator('POST', '/api/v1/deployments', { target: target.path, to: { tag: 'kiosk' } })
        ).json;
        const updates = [{ ...REPLAYED, target: target.path, deployment: deployment.id }];
        await server.device(thief, 'POST', '/device/v1/report', deviceReport({ updates }));
        const after = (await server.operator('GET', `/api/v1/deployments/${deployment.id}`)).json;
        assert.equal(after.state, 'running');
        assert.deepEqual(
          after.devices.map(({ id, state }: { id: string; state: string }) => [id, state === 'confirmed']),
          [[victim.id, false]],
        );
        return 'counts for nobody else: the deployment still waits for its own device';
      }),
  },
  {
    title: 'enrolment request replayed by somebody without its key',
    expected: /^a certificate without its key/,
    run: () =>
      withServer(async (server) => {
        const key = await makeDeviceKey();
        const body = enrolment(await makeRequest(key), await server.claimToken({ uses: 1 }));
        const first = (await server.device(null, 'POST', '/device/v1/enrol', body)).json;
        const second = (await server.device(null, 'POST', '/device/v1/enrol', body)).json;
        assert.equal(second.deviceId, first.deviceId);
        const other = await makeDeviceKey();
        const stolen = { id: first.deviceId, key: other, keyPem: privatePem(other), certificate: second.certificate };
        await assert.rejects(server.device(stolen, 'GET', '/device/v1/desired'));
        const { devices } = (await server.operator('GET', '/api/v1/devices')).json;
        assert.equal(devices.length, 1);
        return 'a certificate without its key: TLS does not take it, and no second device appears';
      }),
  },
  {
    title: 'claim token used once more than it may be',
    expected: /^403 ENROLMENT_REFUSED/,
    run: () =>
      withServer(async (server) => {
        const token = await server.claimToken({ uses: 1 });
        const enrol = async () =>
          server.device(null, 'POST', '/device/v1/enrol', enrolment(await makeRequest(await makeDeviceKey()), token));
        assert.equal((await enrol()).status, 200);
        return refusal(await enrol());
      }),
  },
  {
    title: 'paths that lead out of the repository',
    expected: /^404 NOT_FOUND/,
    run: () =>
      withServer(async (server) => {
        const device = await server.enrolledDevice();
        const paths = ['/tuf/..%2fserver.sqlite', '/tuf/%2e%2e/keys/ca-key.pem', '/targets/../../keys/ca-key.pem'];
        const answers = await Promise.all(paths.map((path) => server.device(device, 'GET', path)));
        for (const answer of answers) assert.equal(answer.status, 404, answer.text);
        return refusal(answers[0] as (typeof answers)[0]);
      }),
  },
  {
    title: 'release published with the operator’s token but without a release key',
    expected: /^422 SIGNATURE_INVALID/,
    run: () =>
      withServer(async (server) => {
        await makePublisher(server);
        const forged = makeTargets(1, [await appTarget('hello', '1.0.0', 'evil')], [makeReleaseKey()]);
        return refusal(await server.operator('PUT', '/api/v1/tuf/targets', forged));
      }),
  },
];
