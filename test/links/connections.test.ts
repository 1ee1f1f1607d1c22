import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEVICE_ROUTES, type DeviceReport } from '@nodeos/contracts/device-api.ts';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { watchCertificate } from '@nodeos/device-agent/src/certificate-renewal.ts';
import { startClock } from '@nodeos/device-agent/src/clock.ts';
import { createEventQueue } from '@nodeos/device-agent/src/event-queue.ts';
import { createServerHttp } from '@nodeos/device-agent/src/transport/http.ts';
import { type BrokerOptions, connectBroker } from '@nodeos/device-agent/src/transport/mqtt.ts';
import { openSession } from '@nodeos/device-agent/src/transport/session.ts';
import { makeDeviceKey, makeRequest } from '@nodeos/ota-server/src/testing/device-identity.ts';
import { type DeviceIdentity, type RunningServer, runServer } from '@nodeos/ota-server/src/testing/running-server.ts';
import { until } from '@nodeos/ota-server/src/testing/until.ts';
import { temporaryFolder } from '../fuzz/folder.ts';
import { expiredServer } from './expired.ts';
import { makeTlsIdentity, startCable, startProxy, startServer } from './misbehaving-server.ts';

const faultOf = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => null,
    (reason) => reason,
  );
  assert.ok(isNodeosError(error), String(error));
  return `${error.code}: ${error.message}`;
};

function broker(server: RunningServer, device: DeviceIdentity, change: Partial<BrokerOptions> = {}) {
  const seen: string[] = [];
  const connection = connectBroker({
    ...{ url: server.server.addresses.mqtt.url, deviceId: device.id, ca: server.ca },
    identity: { certificate: device.certificate, key: device.keyPem },
    onTell: ({ kind }) => void seen.push(kind),
    onConnected: () => void seen.push('connected'),
    onDisconnected: () => void seen.push('disconnected'),
    ...{ onReplInput() {}, log() {} },
    ...change,
  });
  return { connection, seen };
}

test('through an HTTP proxy, with and without a login: the server is verified as without one', async (t) => {
  const identity = await makeTlsIdentity();
  const server = await startServer(t, identity, (_request, response) => response.end('hello'));
  for (const login of [null, 'kiosk:s%20cret']) {
    const proxy = await startProxy(t, login && decodeURIComponent(login));
    const url = login ? proxy.url.replace(/\/\/.*@/, `//${login}@`) : proxy.url;
    const http = createServerHttp(server.url, identity.ca, () => {}, { proxy: url });
    const answer = await http.request('GET', '/');
    assert.equal((await answer.body.toArray()).join(''), 'hello');
    assert.deepEqual(proxy.ways, [`127.0.0.1:${server.port}`]);
    http.close();
    const other = createServerHttp(server.url, (await makeTlsIdentity()).ca, () => {}, { proxy: url });
    assert.match(await faultOf(other.request('GET', '/')), /^FETCH_FAILED/);
    other.close();
  }
});

test('all that a device asks and tells at its start goes over one connection', async (t) => {
  const identity = await makeTlsIdentity();
  const asked: string[] = [];
  const ways = new Set<unknown>();
  const server = await startServer(t, identity, (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    ways.add(request.socket);
    request.resume().on('end', () => {
      if (request.method === 'POST') response.writeHead(204).end();
      else response.end(JSON.stringify({ format: 1, generation: 1, system: null, apps: {}, removeApps: [] }));
    });
  });
  const http = createServerHttp(server.url, identity.ca, () => {});
  const events = createEventQueue(() => {});
  events.add('app', 'started');
  const session = openSession({
    ...{ http, events, buildReport: async () => ({ updates: [] }) as unknown as DeviceReport },
    updater: { apply() {}, serverReachable() {}, acknowledge: async () => {} },
    ...{ onOnline() {}, onOffline() {}, onRejected() {}, log() {} },
  });
  t.after(() => {
    session.close();
    http.close();
  });
  await until('the second report', () => asked.filter((one) => one === `POST ${DEVICE_ROUTES.report}`).length === 2);
  assert.deepEqual(asked.slice(0, 3), [
    `GET ${DEVICE_ROUTES.desired}`,
    `POST ${DEVICE_ROUTES.report}`,
    `POST ${DEVICE_ROUTES.events}`,
  ]);
  assert.equal(ways.size, 1);
});

test('a kept connection that the server has closed is replaced once; a new one that is closed is a fault', async (t) => {
  const identity = await makeTlsIdentity();
  const used = new Set<unknown>();
  let [closesNew, asked] = [false, 0];
  const server = await startServer(t, identity, (request, response) => {
    asked++;
    if (closesNew || used.has(request.socket)) request.socket.destroy();
    else response.end('hello');
    used.add(request.socket);
  });
  const http = createServerHttp(server.url, identity.ca, () => {});
  t.after(() => http.close());
  for (const expected of [1, 3]) {
    const answer = await http.request('GET', '/');
    assert.equal((await answer.body.toArray()).join(''), 'hello');
    assert.equal(asked, expected);
  }
  closesNew = true;
  assert.match(await faultOf(http.request('GET', '/')), /^FETCH_FAILED/);
  assert.equal(asked, 5, 'on the kept one, then on a new one, and no more');
  assert.match(await faultOf(http.request('GET', '/')), /^FETCH_FAILED/);
  assert.equal(asked, 6);
});

test('a proxy that is not there, or wants another login, is named', async (t) => {
  const identity = await makeTlsIdentity();
  const server = await startServer(t, identity, (_request, response) => response.end());
  const proxy = await startProxy(t, 'a:b');
  for (const [url, fault] of [
    [proxy.url.replace('a:b', 'a:c'), /^FETCH_FAILED: .*proxy 127.0.0.1 .* 407/],
    ['http://127.0.0.1:9', /^FETCH_FAILED: .*ECONNREFUSED/],
  ] as const) {
    const http = createServerHttp(server.url, identity.ca, () => {}, { proxy: url });
    assert.match(await faultOf(http.request('GET', '/')), fault);
    http.close();
  }
});

test('the broker is reached through the proxy too', async (t) => {
  const server = await runServer(t);
  const proxy = await startProxy(t);
  const device = await server.enrolledDevice();
  const { connection, seen } = broker(server, device, { proxy: proxy.url });
  t.after(() => connection.close());
  await until(
    'a told device',
    async () => seen.includes('connected') && server.server.tell(device.id, { kind: 'report-now' }),
  );
  await until('the message', () => seen.includes('report-now'));
  assert.equal(proxy.ways.length, 1);
});

test('a broker connection that is half open is left, and made anew', async (t) => {
  const server = await runServer(t);
  const device = await server.enrolledDevice();
  const cable = await startCable(t, server.server.addresses.mqtt.port);
  const { connection, seen } = broker(server, device, { url: `mqtts://127.0.0.1:${cable.port}`, keepaliveSeconds: 1 });
  t.after(() => connection.close());
  await until('the connection', () => seen.includes('connected'));
  cable.cut = true;
  await until('the loss', () => seen.includes('disconnected'), 15_000);
  cable.cut = false;
  await until('the next connection', () => seen.filter((what) => what === 'connected').length > 1, 15_000);
});

test('a name that resolves to nothing is a fault that passes', async () => {
  const { ca } = await makeTlsIdentity();
  const http = createServerHttp('https://nowhere.invalid:8443', ca, () => {});
  assert.match(await faultOf(http.request('GET', '/')), /^FETCH_FAILED: .*(ENOTFOUND|EAI_AGAIN)/);
  http.close();
});

test('a clock that is years ahead finds back by the server whose certificate seems to have expired', async (t) => {
  const { identity, validUntil } = await expiredServer();
  // The server's own clock is right: its certificate is still valid there.
  const right = validUntil - 86_400_000;
  const server = await startServer(t, identity, (_request, response) => {
    response.setHeader('date', new Date(right).toUTCString());
    response.end();
  });
  let time = Date.now();
  const clock = startClock({
    ...{ stateDir: temporaryFolder(), buildTimeMs: 0, ca: null, log: () => {}, now: () => time },
    native: {
      setClock(milliseconds) {
        time = milliseconds;
      },
    },
  });
  const http = createServerHttp(server.url, identity.ca, clock.takeHttpDate, { onUndatedTime: clock.takeUndatedTime });
  t.after(() => http.close());
  assert.match(await faultOf(http.request('GET', '/')), /CERT_HAS_EXPIRED/);
  await until('the right time', () => Math.abs(time - right) < 2_000);
});

test('another server than the fleet’s cannot set the clock that way, nor one whose time its certificate does not cover', async (t) => {
  const { identity, validUntil } = await expiredServer();
  const times: number[] = [];
  const ask = async (ca: string, date: number) => {
    const server = await startServer(t, identity, (_request, response) => {
      response.setHeader('date', new Date(date).toUTCString());
      response.end();
    });
    const http = createServerHttp(server.url, ca, () => {}, { onUndatedTime: (time) => void times.push(time) });
    t.after(() => http.close());
    await faultOf(http.request('GET', '/'));
    await until('the question', () => server.requests.length > 0 || ca !== identity.ca, 2_000);
  };
  await ask(identity.ca, validUntil + 86_400_000);
  await ask((await makeTlsIdentity()).ca, validUntil - 86_400_000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(times, []);
});

test('a certificate in its last quarter is replaced, once; the server’s silence is no fault', async (t) => {
  const server = await runServer(t);
  const device = await server.enrolledDevice();
  const asked: number[] = [];
  const renewed: string[] = [];
  const { validTo } = new (await import('node:crypto')).X509Certificate(device.certificate);
  const stop = watchCertificate({
    ...{ certificate: device.certificate, log: () => {}, everyMs: 5, now: () => Date.parse(validTo) - 86_400_000 },
    async ask() {
      asked.push(1);
      if (asked.length === 1) throw new Error('no answer');
      return asked.length < 4 ? device.certificate : 'the next one';
    },
    onRenewed: async (certificate) => void renewed.push(certificate),
  });
  t.after(stop);
  await until('the new certificate', () => renewed.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.deepEqual([asked.length, renewed], [4, ['the next one']]);
});

test('a certificate that has expired leads to enrolment, which the server grants for the same key', async (t) => {
  const server = await runServer(t);
  const key = await makeDeviceKey();
  const csr = await makeRequest(key);
  const body = {
    ...{ csr, claimToken: await server.claimToken({ uses: 1 }), serial: 'S-9', board: 'x86_64-usb' },
    systemVersion: '1.0.0',
  };
  const first = await server.device(null, 'POST', '/device/v1/enrol', body);
  const again = await server.device(null, 'POST', '/device/v1/enrol', { ...body, claimToken: 'used up, no matter' });
  assert.deepEqual([first.status, again.status, again.json.deviceId], [200, 200, first.json.deviceId]);
});
