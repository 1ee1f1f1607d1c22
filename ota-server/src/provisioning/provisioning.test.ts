import assert from 'node:assert/strict';
import { request } from 'node:https';
import { test } from 'node:test';
import { connectAsync } from 'mqtt';
import { makeDeviceKey, makeRequest } from '../testing/device-identity.ts';
import { makePublisher } from '../testing/publish.ts';
import { appTarget } from '../testing/release-keys.ts';
import { deviceReport, enrolment, type RunningServer, runServer } from '../testing/running-server.ts';
import { until } from '../testing/until.ts';
import { reasonToWait } from './approval.ts';
import { readRegistrations } from './csv.ts';

const enrol = async (running: RunningServer, claimToken: string, change: object = {}) => {
  const csr = await makeRequest(await makeDeviceKey());
  return (await running.device(null, 'POST', '/device/v1/enrol', { ...enrolment(csr, claimToken), ...change })).json;
};

test('registrations are read as RFC 4180 has it; what is wrong is named by its line', () => {
  const text = '\ufeffSerial,tags,approve\r\nS-1,"kiosk, ""lobby""",yes\r\n\r\nS-2,,\r\nS-3,"a\nb",no';
  assert.deepEqual(readRegistrations(text), [
    { serial: 'S-1', tags: ['kiosk,', '"lobby"'], approve: true },
    { serial: 'S-2', tags: [], approve: false },
    { serial: 'S-3', tags: ['a', 'b'], approve: false },
  ]);
  assert.deepEqual(readRegistrations('approve,serial\nyes,S-1\n'), [{ serial: 'S-1', tags: [], approve: true }]);
  for (const [bad, message] of [
    ['', /line 1: the heading/],
    ['name\nx', /line 1: the heading/],
    ['serial,serial\nx,y', /line 1: the heading/],
    ['serial,tags\nS-1', /line 2: it has 1 fields/],
    ['serial,approve\nS-1,maybe', /line 2: approve: "maybe"/],
    ['serial\nS-1\nS-2\nS-1', /line 4: the serial number stands in line 2/],
    ['serial\n"S-1', /line 2: a quote is not closed/],
    ['serial\n"S-1"x', /line 2: text follows/],
    ['serial,tags\n"S 1",a', /line 2: .*visible ASCII/],
    ['serial,tags\nS-1,a\n\n"multi\nline",b', /line 4: /],
  ] as const)
    assert.throws(() => readRegistrations(bad), { code: 'INPUT_INVALID', message }, bad);
});

test('approval: every condition of the token must hold; a registered serial number lets in once', () => {
  const applicant = { board: 'pc', address: '192.0.2.7', registration: null, double: null };
  const token = { autoApprove: true };
  const only = (change: object) => ({
    ...token,
    approveOnly: { boards: [], networks: [], registered: false, ...change },
  });
  const registration = { serial: 'S', tags: [], approve: false, createdAt: 1, device: null };
  assert.equal(reasonToWait(token, applicant), null);
  assert.match(reasonToWait({ autoApprove: false }, applicant) ?? '', /does not approve$/);
  assert.equal(reasonToWait(only({ boards: ['pc', 'pi'] }), applicant), null);
  assert.match(reasonToWait(only({ boards: ['pi'] }), applicant) ?? '', /a pc/);
  assert.equal(reasonToWait(only({ networks: ['2001:db8::/32', '192.0.2.0/24'] }), applicant), null);
  assert.equal(reasonToWait(only({ networks: ['192.0.2.0/24'] }), { ...applicant, address: '::ffff:192.0.2.9' }), null);
  assert.match(reasonToWait(only({ networks: ['198.51.100.0/24'] }), applicant) ?? '', /192\.0\.2\.7/);
  assert.match(
    reasonToWait(only({ networks: ['192.0.2.0/24'] }), { ...applicant, address: '2001:db8::1' }) ?? '',
    /2001/,
  );
  assert.match(reasonToWait(only({ registered: true }), applicant) ?? '', /not registered/);
  assert.equal(reasonToWait(only({ registered: true }), { ...applicant, registration }), null);
  assert.match(
    reasonToWait(only({ registered: true }), { ...applicant, registration, double: 'x' }) ?? '',
    /device x came/,
  );
  const approving = { ...registration, approve: true };
  assert.equal(reasonToWait({ autoApprove: false }, { ...applicant, registration: approving }), null);
  assert.match(
    reasonToWait(token, { ...applicant, registration: { ...approving, device: 'old' } }) ?? '',
    /device old came/,
  );
});

test('registered devices come in with their tags, others of the same token wait, and the reason is said', async (context) => {
  const running = await runServer(context);
  const csv = 'serial,tags,approve\nS-1,kiosk berlin,yes\nS-2,,no\n';
  const put = await running.operator('PUT', '/api/v1/registrations', csv, { 'content-type': 'text/csv' });
  assert.deepEqual(put.json, { added: 2, changed: 0 });
  const token = await running.claimToken({ autoApprove: false, tags: ['all'] });
  const first = await enrol(running, token, { serial: 'S-1' });
  assert.equal(first.state, 'approved');
  assert.deepEqual((await running.operator('GET', `/api/v1/devices/${first.deviceId}`)).json.tags, [
    'all',
    'kiosk',
    'berlin',
  ]);
  const thief = await enrol(running, token, { serial: 'S-1' });
  assert.equal(thief.state, 'pending');
  const detail = (await running.operator('GET', `/api/v1/devices/${thief.deviceId}`)).json;
  assert.match(detail.events[0].text, new RegExp(`device ${first.deviceId} came with its serial number`));
  assert.equal((await enrol(running, token, { serial: 'S-2' })).state, 'pending');
  const listed = (await running.operator('GET', '/api/v1/registrations')).json.registrations;
  assert.deepEqual(
    listed.map(({ serial, device }: { serial: string; device: string }) => [serial, device !== null]),
    [
      ['S-1', true],
      ['S-2', true],
    ],
  );
  assert.equal((await running.operator('DELETE', '/api/v1/registrations/S-2')).status, 204);
  assert.equal((await running.operator('DELETE', '/api/v1/registrations/S-2')).status, 404);
  assert.equal(
    (await running.operator('PUT', '/api/v1/registrations', 'serial\nS 1', { 'content-type': 'text/csv' })).json.error
      .code,
    'INPUT_INVALID',
  );
});

test('a claim token with conditions, and one that is ended', async (context) => {
  const running = await runServer(context);
  const approveOnly = { boards: ['raspberrypi4'], networks: ['127.0.0.0/8'], registered: false };
  const made = await running.operator('POST', '/api/v1/claim-tokens', {
    uses: null,
    expiresAt: null,
    tags: [],
    autoApprove: true,
    approveOnly,
  });
  const { token, id } = made.json;
  assert.equal((await enrol(running, token)).state, 'pending');
  assert.equal((await enrol(running, token, { board: 'raspberrypi4' })).state, 'approved');
  assert.equal((await running.operator('DELETE', `/api/v1/claim-tokens/${id}`)).status, 204);
  assert.equal((await enrol(running, token, { board: 'raspberrypi4' })).error.code, 'ENROLMENT_REFUSED');
  const bad = { uses: null, expiresAt: null, tags: [], autoApprove: true, approveOnly: { networks: ['10.0.0.0'] } };
  assert.equal((await running.operator('POST', '/api/v1/claim-tokens', bad)).json.error.code, 'INPUT_INVALID');
});

test('revoking cuts what is open: the MQTT connection and a download that is under way', async (context) => {
  const running = await runServer(context);
  const device = await running.enrolledDevice(['kiosk']);
  const publisher = await makePublisher(running);
  const octets = 'x'.repeat(40_000_000);
  const target = await appTarget('big', '1.0.0', octets);
  await publisher.publish(target, octets);
  const tls = { ca: running.ca, cert: device.certificate, key: device.keyPem };
  const client = await connectAsync(running.server.addresses.mqtt.url, {
    ...{ protocolVersion: 4, clientId: device.id, reconnectPeriod: 0, ...tls },
  });
  const left = new Promise<void>((resolve) => client.on('close', () => resolve()));
  const download = new Promise<{ bytes: number; code: string | undefined }>((resolve, reject) => {
    const url = `${running.server.addresses.device.url}/targets/apps/big/1.0.0/${target.sha256}.any.sqfs`;
    const ask = request(url, { ...tls, agent: false }, (response) => {
      let bytes = 0;
      response.once('data', async (chunk: Buffer) => {
        bytes += chunk.length;
        response.pause();
        await running.operator('POST', `/api/v1/devices/${device.id}/revoke`);
        response.on('data', (more: Buffer) => {
          bytes += more.length;
        });
        response.resume();
      });
      response.on('end', () => resolve({ bytes, code: undefined }));
      response.on('error', (error: NodeJS.ErrnoException) => resolve({ bytes, code: error.code }));
    });
    ask.on('error', reject);
    ask.end();
  });
  const { bytes, code } = await download;
  assert.equal(code, 'ECONNRESET');
  assert.ok(bytes < octets.length);
  await left;
  assert.equal((await running.device(device, 'GET', '/device/v1/desired')).json.error.code, 'FORBIDDEN');
});

test('a device that was flashed anew is recognised by its network hardware, and takes the place of the old one', async (context) => {
  const running = await runServer(context);
  const inventory = {
    ...{ serial: 's', timeZone: 'UTC', kernel: '6.12', nodeVersion: '24.0.0', storage: { totalKiB: 1, freeKiB: 1 } },
    network: [{ name: 'eth0', mac: '52:54:00:00:00:01' }],
  };
  const [old, fresh] = [
    await running.enrolledDevice(['kiosk', 'berlin'], 'S-1'),
    await running.enrolledDevice(['new'], 'S-2'),
  ];
  for (const device of [old, fresh])
    await running.device(device, 'POST', '/device/v1/report', deviceReport({ inventory }));
  const events = async (id: string) => (await running.operator('GET', `/api/v1/devices/${id}`)).json.events;
  assert.match((await events(fresh.id))[0].text, new RegExp(`network hardware 52:54:.* of device ${old.id}`));
  assert.equal((await events(old.id)).length, 0);
  const replace = (id: string, body: object) => running.operator('POST', `/api/v1/devices/${id}/replace`, body);
  assert.equal((await replace(fresh.id, { old: fresh.id })).json.error.code, 'CONFLICT');
  assert.equal((await replace(fresh.id, { old: 'none' })).status, 404);
  assert.deepEqual((await replace(fresh.id, { old: old.id })).json.tags, ['kiosk', 'berlin']);
  assert.equal((await running.device(old, 'GET', '/device/v1/desired')).json.error.code, 'FORBIDDEN');
  assert.equal((await running.device(fresh, 'GET', '/device/v1/desired')).status, 200);
  assert.equal((await replace(old.id, { old: fresh.id })).json.error.code, 'CONFLICT');
});

test('a device that is taken out is gone with its history, and its key stays out; another fleet may take it', async (context) => {
  const running = await runServer(context);
  const device = await running.enrolledDevice(['kiosk']);
  const publisher = await makePublisher(running);
  const target = await appTarget('hello', '1.0.0', 'the bundle');
  await publisher.publish(target, 'the bundle');
  const made = await running.operator('POST', '/api/v1/deployments', { target: target.path, to: { tag: 'kiosk' } });
  assert.equal((await running.operator('DELETE', `/api/v1/devices/${device.id}`)).status, 204);
  assert.equal((await running.operator('GET', `/api/v1/devices/${device.id}`)).status, 404);
  assert.deepEqual((await running.operator('GET', '/api/v1/devices')).json.devices, []);
  assert.equal((await running.operator('GET', `/api/v1/deployments/${made.json.id}`)).status, 200);
  assert.equal((await running.device(device, 'GET', '/device/v1/desired')).json.error.code, 'FORBIDDEN');
  const again = async (claimToken: string) =>
    (await running.device(null, 'POST', '/device/v1/enrol', enrolment(await makeRequest(device.key), claimToken))).json;
  assert.equal((await again(await running.claimToken())).error.code, 'ENROLMENT_REFUSED');
  await running.operator('POST', '/api/v1/fleets', { id: 'north', name: 'North' });
  const wanted = { uses: 1, expiresAt: null, tags: [], autoApprove: true };
  const north = (await running.operator('POST', '/api/v1/claim-tokens', wanted, { 'nodeos-fleet': 'north' })).json
    .token;
  assert.equal((await again(north)).state, 'approved');
  await until(
    'the device in the other fleet',
    async () =>
      (await running.operator('GET', '/api/v1/devices', undefined, { 'nodeos-fleet': 'north' })).json.devices.length ===
      1,
  );
});
