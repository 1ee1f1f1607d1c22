import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ERROR_HINTS } from '@nodeos/contracts/errors.ts';
import { errorBodySchema } from '@nodeos/contracts/operator-api.ts';
import { ERROR_STATUS } from '../error-answers.ts';
import { type Answer, type RunningServer, runServer } from '../testing/running-server.ts';

const GARBAGE: readonly { readonly what: string; readonly body: string; readonly type?: string }[] = [
  { what: 'no JSON', body: '{"a":' },
  { what: 'a wrong shape', body: '{"unknown":true}' },
  { what: 'a list', body: '[]' },
  { what: 'a number', body: '7' },
  { what: 'octets', body: '\u0000\u0001\ufffd' },
  { what: 'another content type', body: 'a=b', type: 'application/x-www-form-urlencoded' },
  { what: 'a poisoned prototype', body: '{"__proto__":{"admin":true}}' },
  { what: 'too much', body: JSON.stringify({ x: 'x'.repeat(1_100_000) }) },
];

const OPERATOR_ROUTES = [
  ['POST', '/api/v1/session'],
  ['POST', '/api/v1/devices/DEVICE/approve'],
  ['POST', '/api/v1/devices/DEVICE/revoke'],
  ['PUT', '/api/v1/devices/DEVICE/tags'],
  ['POST', '/api/v1/devices/DEVICE/reboot'],
  ['POST', '/api/v1/devices/DEVICE/repl'],
  ['POST', '/api/v1/devices/DEVICE/repl/none'],
  ['POST', '/api/v1/claim-tokens'],
  ['PUT', '/api/v1/tuf/root'],
  ['PUT', '/api/v1/tuf/targets'],
  ['PUT', `/api/v1/blobs/${'0'.repeat(64)}`],
  ['POST', '/api/v1/deployments'],
  ['POST', '/api/v1/deployments/plan'],
  ['POST', '/api/v1/deployments/none/abort'],
  ['POST', '/api/v1/deployments/none/pause'],
  ['POST', '/api/v1/deployments/none/resume'],
  ['POST', '/api/v1/deployments/none/approve'],
  ['PUT', '/api/v1/devices/DEVICE/pins'],
  ['PUT', '/api/v1/groups/garbage'],
] as const;
const DEVICE_ROUTES = [
  ['POST', '/device/v1/enrol'],
  ['POST', '/device/v1/report'],
  ['POST', '/device/v1/events'],
] as const;

/** Everything that a refused request must not have changed. */
async function contentOf(running: RunningServer, deviceId: string): Promise<unknown> {
  const get = async (path: string): Promise<unknown> => (await running.operator('GET', path)).json;
  const { lastSeen: _seen, ...device } = (await get(`/api/v1/devices/${deviceId}`)) as { lastSeen: number };
  return {
    device,
    devices: ((await get('/api/v1/devices')) as { devices: unknown[] }).devices.length,
    tokens: await get('/api/v1/claim-tokens'),
    deployments: await get('/api/v1/deployments'),
    releases: await get('/api/v1/releases'),
    root: ((await get('/api/v1/server')) as { rootVersion: unknown }).rootVersion,
    files: [
      ...(await readdir(join(running.dataDir, 'tuf'), { recursive: true })),
      ...(await readdir(join(running.dataDir, 'blobs'), { recursive: true })),
    ],
  };
}

function checkRefused(answer: Answer, what: string): void {
  assert.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status} ${answer.text}`);
  const { error } = errorBodySchema.parse(answer.json);
  assert.ok(error.code in ERROR_HINTS && error.code !== 'INTERNAL', `${what}: ${answer.text}`);
  assert.ok(error.hint.length > 10 && error.message.length > 5, what);
  assert.doesNotMatch(answer.text, /\.ts:\d|node_modules|at Object/, what);
}

test('every route: garbage ends in a coded 4xx and nothing is written', async (context) => {
  const running = await runServer(context);
  const device = await running.enrolledDevice();
  const before = await contentOf(running, device.id);
  for (const { what, body, type = 'application/json' } of GARBAGE) {
    const headers = { 'content-type': type };
    for (const [method, path] of OPERATOR_ROUTES)
      checkRefused(
        await running.operator(method, path.replace('DEVICE', device.id), body, headers),
        `${method} ${path} with ${what}`,
      );
    for (const [method, path] of DEVICE_ROUTES)
      checkRefused(await running.device(device, method, path, body, headers), `${method} ${path} with ${what}`);
  }
  assert.deepEqual(await contentOf(running, device.id), before);
});

test('garbage in paths and queries ends in a coded 4xx', async (context) => {
  const running = await runServer(context);
  const device = await running.enrolledDevice();
  for (const path of [
    '/api/v1/devices?state=broken',
    '/api/v1/devices?unknown=1',
    '/api/v1/devices?query=board%20%3D',
    '/api/v1/groups/none',
    '/api/v1/devices/none',
    '/api/v1/devices/%00',
    '/api/v1/devices/%ZZ',
    `/api/v1/devices/${device.id}/logs?backlog=-1`,
    `/api/v1/devices/${device.id}/logs?app=Not%20An%20App`,
    `/api/v1/devices/${device.id}/repl/none`,
    '/api/v1/tuf/..%2f..%2foperator-token',
    '/api/v1/tuf/targets.json',
    '/api/v1/deployments/none',
    '/none',
  ])
    checkRefused(await running.operator('GET', path), path);
  for (const path of [
    '/tuf/..%2fkeys%2fca-key.pem',
    '/targets/../../operator-token',
    '/targets/%2e%2e/x',
    '/none',
    '/tuf/9.root.json',
  ])
    checkRefused(await running.device(device, 'GET', path), path);
  for (const hash of ['short', 'F'.repeat(64), '..%2f..%2fx'])
    checkRefused(await running.operator('PUT', `/api/v1/blobs/${hash}`, 'octets'), hash);
});

test('what needs the device ends in DEVICE_OFFLINE while it is away', async (context) => {
  const running = await runServer(context);
  const device = await running.enrolledDevice();
  for (const answer of [
    await running.operator('POST', `/api/v1/devices/${device.id}/reboot`),
    await running.operator('POST', `/api/v1/devices/${device.id}/repl`, { app: null }),
    await running.operator('GET', `/api/v1/devices/${device.id}/logs`),
  ])
    assert.deepEqual([answer.status, answer.json.error.code], [409, 'DEVICE_OFFLINE']);
});

test('every route below /api/v1 wants a token', async (context) => {
  const running = await runServer(context);
  for (const [method, path] of OPERATOR_ROUTES.slice(1)) {
    for (const authorization of ['', 'Bearer wrong', 'Basic eDp5']) {
      const answer = await running.server.app.inject({
        method,
        url: path,
        headers: { authorization, 'content-type': 'application/json' },
        payload: '{}',
      });
      assert.ok([401, 429].includes(answer.statusCode), `${method} ${path}: ${answer.statusCode}`);
    }
  }
  assert.equal((await running.server.app.inject({ url: '/healthz' })).statusCode, 200);
});

test('the table of statuses names codes of the catalogue only', () => {
  for (const [code, status] of Object.entries(ERROR_STATUS)) {
    assert.ok(code in ERROR_HINTS, code);
    assert.ok(status >= 400 && status < 600);
  }
});
