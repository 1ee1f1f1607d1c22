import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectAsync } from 'mqtt';
import { DesiredNews } from './broker/desired-news.ts';
import { createServer } from './server.ts';
import { makeDeviceKey, makeRequest, privatePem } from './testing/device-identity.ts';
import { runJudge } from './testing/judge.ts';
import { makePublisher } from './testing/publish.ts';
import { appTarget, makeTargets } from './testing/release-keys.ts';
import { deviceReport, enrolment, runServer } from './testing/running-server.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';
import { until } from './testing/until.ts';

test('a restart keeps token, devices and authority; a deleted token file means a new token', async (context) => {
  const dataDir = await temporaryFolder(context);
  const first = await runServer(context, dataDir);
  assert.equal((await stat(join(dataDir, 'operator-token'))).mode & 0o777, 0o600);
  const device = await first.enrolledDevice();
  await first.server.close();
  const second = await runServer(context, dataDir);
  assert.equal(second.server.operatorToken, first.server.operatorToken);
  assert.equal((await second.device(device, 'GET', '/device/v1/desired')).status, 200);
  await second.server.close();
  const { rm } = await import('node:fs/promises');
  await rm(join(dataDir, 'operator-token'));
  const third = await runServer(context, dataDir);
  assert.notEqual(third.server.operatorToken, first.server.operatorToken);
  const old = await third.operator('GET', '/api/v1/devices', undefined, {
    authorization: `Bearer ${first.server.operatorToken}`,
  });
  assert.equal(old.status, 401);
});

test('a port in use and a data folder in use end in coded errors, and nothing keeps listening', async (context) => {
  const busy = createTcpServer().listen(0, '127.0.0.1');
  context.after(() => busy.close());
  await until('port', () => busy.listening);
  const { port } = busy.address() as { port: number };
  const dataDir = await temporaryFolder(context);
  const options = { dataDir, operator: { port: 0 }, device: { port: 0 }, mqtt: { port }, dashboard: false };
  const server = await createServer(options);
  await assert.rejects(createServer(options), { code: 'CONFLICT' });
  await assert.rejects(server.start(), { code: 'PORT_IN_USE', message: new RegExp(`127.0.0.1:${port} \\(MQTT\\)`) });
  assert.equal(server.app.server.listening, false);
  const again = await createServer({ ...options, mqtt: { port: 0 } });
  await again.start();
  await again.close();
  await assert.rejects(createServer({ ...options, advertise: ['not a name'] }), {
    code: 'INPUT_INVALID',
    message: /advertise/,
  });
});

test('openssl s_client: the device port shows a certificate that verifies for the advertised address', async (context) => {
  const running = await runServer(context);
  const cafile = join(running.dataDir, 'ca-of-test.pem');
  await writeFile(cafile, running.ca);
  for (const { port } of [running.server.addresses.device, running.server.addresses.mqtt]) {
    const parameters = [
      's_client',
      '-connect',
      `127.0.0.1:${port}`,
      '-CAfile',
      cafile,
      '-verify_ip',
      '127.0.0.1',
      '-verify_return_error',
      '-brief',
    ];
    const verdict = await runJudge(context, 'openssl', parameters);
    if (verdict === null) return;
    assert.match(verdict.output, /Verification: OK/);
    assert.match(verdict.output, /TLSv1\.3/);
  }
});

test('enrolment: pending, approved by hand, certificate, then mutual TLS; the same key is the same device', async (context) => {
  const running = await runServer(context);
  const key = await makeDeviceKey();
  const token = await running.claimToken({ autoApprove: false, uses: 1, tags: ['kiosk'] });
  const ask = async (claimToken = token) =>
    running.device(null, 'POST', '/device/v1/enrol', enrolment(await makeRequest(key), claimToken));
  const pending = await ask();
  assert.equal(pending.status, 202);
  const { deviceId, state, retryAfterSeconds } = pending.json;
  assert.deepEqual([state, retryAfterSeconds], ['pending', 5]);
  assert.equal((await ask()).status, 202);
  assert.equal((await running.operator('GET', '/api/v1/devices?state=pending')).json.devices[0].id, deviceId);
  await running.operator('POST', `/api/v1/devices/${deviceId}/approve`);
  const approved = await ask('another-token-that-is-unknown');
  assert.equal(approved.status, 200);
  const identity = { id: deviceId, key, keyPem: privatePem(key), certificate: approved.json.certificate };
  assert.equal((await ask()).json.certificate, identity.certificate);
  const desired = await running.device(identity, 'GET', '/device/v1/desired');
  assert.deepEqual(desired.json, { format: 1, generation: 0, system: null, apps: {}, removeApps: [] });
  assert.deepEqual((await running.operator('GET', '/api/v1/claim-tokens')).json.claimTokens[0].used, 1);
  const other = await running.device(
    null,
    'POST',
    '/device/v1/enrol',
    enrolment(await makeRequest(await makeDeviceKey()), token),
  );
  assert.deepEqual([other.status, other.json.error.code], [403, 'ENROLMENT_REFUSED']);
});

test('without certificate, with a foreign one, or revoked: nothing but enrolment answers', async (context) => {
  const running = await runServer(context);
  const foreign = await (await runServer(context)).enrolledDevice();
  const device = await running.enrolledDevice();
  for (const path of ['/device/v1/desired', '/tuf/timestamp.json', '/targets/apps/x.sqfs']) {
    assert.equal((await running.device(null, 'GET', path)).json.error.code, 'UNAUTHENTICATED', path);
    assert.equal((await running.device(foreign, 'GET', path)).json.error.code, 'UNAUTHENTICATED', path);
  }
  await running.operator('POST', `/api/v1/devices/${device.id}/revoke`);
  assert.equal((await running.device(device, 'GET', '/device/v1/desired')).json.error.code, 'FORBIDDEN');
  const again = await running.device(
    null,
    'POST',
    '/device/v1/enrol',
    enrolment(await makeRequest(device.key), await running.claimToken()),
  );
  assert.equal(again.json.error.code, 'ENROLMENT_REFUSED');
  assert.equal((await running.operator('POST', `/api/v1/devices/${device.id}/approve`)).json.error.code, 'CONFLICT');
});

test('a deployment from publishing to confirmed, told over MQTT, seen by the operator', async (context) => {
  const running = await runServer(context);
  const device = await running.enrolledDevice(['kiosk']);
  const publisher = await makePublisher(running);
  const target = await appTarget('hello', '1.0.0', 'the bundle');
  await publisher.publish(target, 'the bundle');
  const client = await connectAsync(running.server.addresses.mqtt.url, {
    protocolVersion: 4,
    clientId: device.id,
    ca: running.ca,
    cert: device.certificate,
    key: device.keyPem,
  });
  context.after(() => client.endAsync(true));
  const told: string[] = [];
  client.on('message', (_topic, payload) => told.push(payload.toString()));
  await client.subscribeAsync(`nodeos/${device.id}/tell`, { qos: 1 });

  const created = await running.operator('POST', '/api/v1/deployments', { target: target.path, to: { tag: 'kiosk' } });
  assert.equal(created.json.devices[0].state, 'told');
  const [message] = await until('tell', () => told.length > 0 && told);
  assert.deepEqual(JSON.parse(message as string), { kind: 'desired-changed', generation: 1 });

  const desired = await running.device(device, 'GET', '/device/v1/desired');
  assert.deepEqual(desired.json.apps.hello, { version: '1.0.0', target: target.path, deployment: created.json.id });
  assert.equal(
    (await running.device(device, 'GET', '/device/v1/desired', undefined, { 'if-none-match': '"1"' })).status,
    304,
  );
  const octets = await running.device(device, 'GET', `/targets/apps/hello/1.0.0/${target.sha256}.any.sqfs`, undefined, {
    range: 'bytes=4-',
  });
  assert.deepEqual([octets.status, octets.text, octets.headers['content-range']], [206, 'bundle', 'bytes 4-9/10']);
  assert.equal((await running.device(device, 'GET', '/tuf/1.targets.json')).json.signed.version, 1);

  const status = {
    lane: 'app',
    name: 'hello',
    version: '1.0.0',
    target: target.path,
    deployment: created.json.id,
  } as const;
  const report = async (state: 'fetching' | 'confirmed') =>
    running.device(
      device,
      'POST',
      '/device/v1/report',
      deviceReport({ generation: 1, updates: [{ ...status, state, percent: 50, reason: null }] }),
    );
  assert.equal((await report('fetching')).status, 204);
  const under = (await running.operator('GET', `/api/v1/deployments/${created.json.id}`)).json;
  assert.deepEqual([under.state, under.devices[0].state, under.devices[0].percent], ['running', 'working', 50]);
  await report('confirmed');
  const after = (await running.operator('GET', '/api/v1/deployments')).json.deployments[0];
  assert.deepEqual([after.state, after.devices[0].state], ['done', 'confirmed']);
  const later = await running.enrolledDevice(['kiosk']);
  assert.equal((await running.device(later, 'GET', '/device/v1/desired')).json.apps.hello.version, '1.0.0');
  assert.equal((await running.operator('GET', `/api/v1/deployments/${created.json.id}`)).json.state, 'running');
  const aborted = await running.operator('POST', `/api/v1/deployments/${created.json.id}/abort`);
  assert.equal(aborted.json.state, 'aborted');
  assert.deepEqual((await running.device(later, 'GET', '/device/v1/desired')).json.apps, {});
});

test('a device that was offline is told when it comes', async (context) => {
  const running = await runServer(context);
  const device = await running.enrolledDevice();
  const publisher = await makePublisher(running);
  const target = await appTarget('hello', '1.0.0', 'the bundle');
  await publisher.publish(target, 'the bundle');
  const created = await running.operator('POST', '/api/v1/deployments', {
    target: target.path,
    to: { device: device.id },
  });
  assert.equal(created.json.devices[0].state, 'waiting');
  const client = await connectAsync(running.server.addresses.mqtt.url, {
    protocolVersion: 4,
    clientId: device.id,
    ca: running.ca,
    cert: device.certificate,
    key: device.keyPem,
  });
  context.after(() => client.endAsync(true));
  const message = new Promise<string>((resolve) =>
    client.on('message', (_topic, payload) => resolve(payload.toString())),
  );
  await client.subscribeAsync(`nodeos/${device.id}/tell`, { qos: 1 });
  assert.deepEqual(JSON.parse(await message), { kind: 'desired-changed', generation: 1 });
  await until(
    'told',
    async () => (await running.operator('GET', '/api/v1/deployments')).json.deployments[0].devices[0].state === 'told',
  );
});

test('a device that comes before its turn is told when to come again, and what it reports is taken', async (context) => {
  const { device, enrolledDevice } = await runServer(context);
  const identity = await enrolledDevice();
  const asked = context.mock.method(DesiredNews.prototype, 'asked', () => false);
  const early = await device(identity, 'GET', '/device/v1/desired');
  assert.deepEqual([early.status, early.json.error.code, early.headers['retry-after']], [503, 'SERVER_BUSY', '300']);
  assert.equal((await device(identity, 'POST', '/device/v1/report', deviceReport())).status, 204);
  asked.mock.restore();
  assert.equal((await device(identity, 'GET', '/device/v1/desired')).status, 200);
});

test('deployments name what is wrong with them', async (context) => {
  const running = await runServer(context);
  const device = await running.enrolledDevice();
  const code = async (body: unknown) => (await running.operator('POST', '/api/v1/deployments', body)).json.error.code;
  assert.equal(await code({ target: 'apps/none/1.0.0/any.sqfs', to: { tag: 'x' } }), 'RELEASE_UNKNOWN');
  const publisher = await makePublisher(running);
  const target = await appTarget('hello', '1.0.0', 'x');
  await publisher.publish(target, 'x');
  assert.equal(await code({ target: target.path, to: { device: 'nobody' } }), 'NOT_FOUND');
  assert.equal(await code({ target: target.path, to: { device: device.id, tag: 'x' } }), 'INPUT_INVALID');
  await running.operator('POST', `/api/v1/devices/${device.id}/revoke`);
  assert.equal(await code({ target: target.path, to: { device: device.id } }), 'CONFLICT');
  const wrong = await running.operator('PUT', '/api/v1/tuf/targets', makeTargets(2, [target], []));
  assert.deepEqual([wrong.status, wrong.json.error.code], [422, 'SIGNATURE_INVALID']);
});

test('the dashboard’s session: cookie for scripts’ eyes closed, same site only, ends at logout', async (context) => {
  const running = await runServer(context);
  const { app, operatorToken } = running.server;
  const login = await app.inject({ method: 'POST', url: '/api/v1/session', payload: { token: operatorToken } });
  assert.equal(login.statusCode, 204);
  const cookie = String(login.headers['set-cookie']);
  assert.match(cookie, /HttpOnly; SameSite=Strict/);
  const headers = { cookie: cookie.split(';')[0] as string };
  assert.equal((await app.inject({ url: '/api/v1/devices', headers })).statusCode, 200);
  await app.inject({ method: 'DELETE', url: '/api/v1/session', headers });
  assert.equal((await app.inject({ url: '/api/v1/devices', headers })).statusCode, 401);
  assert.equal((await readFile(join(running.dataDir, 'server.sqlite'))).includes(operatorToken), false);
});

test('guessing tokens is slowed down', async (context) => {
  const { app } = (await runServer(context)).server;
  const guess = () => app.inject({ method: 'POST', url: '/api/v1/session', payload: { token: 'guess' } });
  const statuses: number[] = [];
  for (let attempt = 0; attempt < 32; attempt++) statuses.push((await guess()).statusCode);
  assert.deepEqual([statuses[0], statuses[29], statuses[30]], [401, 401, 429]);
});
