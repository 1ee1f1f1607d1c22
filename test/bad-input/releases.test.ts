import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { freePort } from '@nodeos/firmware/emulate/ports.ts';
import { createServer, type NodeosServer } from '@nodeos/ota-server/src/server.ts';
import { nodeos } from '../support/command.ts';
import { assertRefused } from '../support/refusal.ts';
import { testFolder } from '../support/test-files.ts';

let server: NodeosServer;
// Hooks run in the order of their registration: the server must end before its folder goes.
after(() => server.close());
const folder = testFolder('releases');
let env: Record<string, string>;
const keys = join(folder, 'keys');

before(async () => {
  const listen = { host: '127.0.0.1', port: 0 };
  const dataDir = join(folder, 'server');
  server = await createServer({ dataDir, operator: listen, device: listen, mqtt: listen, dashboard: false });
  await server.start();
  env = { NODEOS_SERVER: server.addresses.operator.url, NODEOS_TOKEN: server.operatorToken };
  assert.equal((await nodeos(['keys', 'init', '--dir', keys], { env })).code, 0);
});

/** Bundles an app of one file. */
async function bundle(name: string, text: string): Promise<string> {
  const app = mkdtempSync(join(folder, 'app-'));
  writeFileSync(
    join(app, 'package.json'),
    JSON.stringify({ name: 'shop', version: '1.0.0', scripts: { start: 'node main.js' } }),
  );
  writeFileSync(join(app, 'main.js'), text);
  const out = join(folder, name);
  const result = await nodeos(['bundle', app, '--out', out]);
  assert.equal(result.code, 0, result.stderr);
  return out;
}

test('the same version is published once: the same bytes again are no fault, other bytes are', async () => {
  const first = await bundle('first.sqfs', 'console.log(1)');
  const second = await bundle('second.sqfs', 'console.log(2)');
  const publish = (file: string) => nodeos(['publish', file, '--keys', keys], { env });
  assert.equal((await publish(first)).code, 0);
  assert.match((await publish(first)).stdout, /was published before with the same bytes/);
  assertRefused(await publish(second), 'RELEASE_EXISTS', /apps\/shop\/1\.0\.0/);
  const { stdout } = await nodeos(['publish', '--list', '--json'], { env });
  assert.equal(JSON.parse(stdout).length, 1);
});

test('a file that is no release, and a key that is none', async () => {
  const path = join(folder, 'text.sqfs');
  writeFileSync(path, 'no bundle');
  assertRefused(await nodeos(['publish', path, '--keys', keys], { env }), 'INPUT_INVALID', /text\.sqfs/);
  assertRefused(await nodeos(['publish', path, '--keys', join(folder, 'none')], { env }), 'KEY_MISSING', /none/);
});

test('keys are never overwritten', async () => {
  const before = readdirSync(keys);
  assertRefused(await nodeos(['keys', 'init', '--dir', keys], { env }), 'KEY_EXISTS');
  assert.deepEqual(readdirSync(keys), before);
});

test('a release, a device and a server that are not there', async () => {
  assertRefused(await nodeos(['deploy', 'shop@9.9.9', '--tag', 'all'], { env }), 'RELEASE_UNKNOWN', /shop@9\.9\.9/);
  assertRefused(await nodeos(['devices', 'show', 'ffff'], { env }), 'NOT_FOUND', /ffff/);
  const nowhere = { ...env, NODEOS_SERVER: `http://127.0.0.1:${await freePort()}` };
  assertRefused(await nodeos(['devices', 'list'], { env: nowhere }), 'SERVER_UNREACHABLE');
  assertRefused(await nodeos(['devices', 'list'], { env: { ...env, NODEOS_TOKEN: 'wrong' } }), 'UNAUTHENTICATED');
});

test('a body that does not fit its schema is refused with the field, a stranger without a certificate is refused', async () => {
  const answer = await fetch(`${server.addresses.operator.url}/api/v1/deployments`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.operatorToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ target: 5, to: {} }),
  });
  assert.equal(answer.status, 400);
  const { error } = (await answer.json()) as { error: { code: string; message: string; hint: string } };
  assert.equal(error.code, 'INPUT_INVALID');
  assert.match(error.message, /target/);
  assert.ok(error.hint.length > 0);
  const stranger = await server.deviceApp.inject({ url: '/device/v1/desired' });
  assert.equal(stranger.statusCode, 401);
});

test('server: a port in use is named with the option that chooses another', async () => {
  const port = await freePort();
  const other = createTcpServer().listen(port, '127.0.0.1');
  const data = join(folder, 'other-server');
  const ports = ['--port', String(port), '--device-port', '0', '--mqtt-port', '0'];
  try {
    const result = await nodeos(['server', '--data', data, '--no-save', '--no-dashboard', ...ports]);
    assertRefused(result, 'PORT_IN_USE', new RegExp(String(port)), /--port/);
  } finally {
    other.close();
  }
});
