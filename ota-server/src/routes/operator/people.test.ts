import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { hashPassword, verifyPassword } from '../../access/passwords.ts';
import { type Answer, type RunningServer, runServer } from '../../testing/running-server.ts';
import { until } from '../../testing/until.ts';

const PASSWORD = 'correct horse battery';

async function signIn(running: RunningServer, name: string, password = PASSWORD) {
  const payload = { name, password };
  const answer = await running.server.app.inject({ method: 'POST', url: '/api/v1/session', payload });
  const cookie = String(answer.headers['set-cookie']).split(';')[0] as string;
  const call = async (method: string, path: string, body?: unknown): Promise<Answer> =>
    running.operator(method, `/api/v1${path}`, body, { authorization: '', cookie });
  return { status: answer.statusCode, code: answer.body === '' ? null : answer.json().error.code, call };
}

test('a password is kept as a salted scrypt hash, and one that is typed otherwise is the same word', async () => {
  const [first, second] = await Promise.all([hashPassword('Grüße an alle'), hashPassword('Grüße an alle')]);
  assert.notEqual(first, second);
  assert.match(first, /^scrypt\$32768\$8\$3\$/);
  assert.equal(await verifyPassword('Gru\u0308ße an alle', first), true);
  assert.equal(await verifyPassword('Grüße an alles', first), false);
  assert.equal(await verifyPassword('anything', null), false);
});

test('a user signs in, sees the own fleet, changes the password and loses all other sessions', async (context) => {
  const running = await runServer(context);
  assert.deepEqual((await running.operator('GET', '/api/v1/session')).json, { signedIn: true, passwords: false });
  await running.operator('POST', '/api/v1/users', { name: 'ada', password: PASSWORD, role: 'operator' });
  assert.deepEqual((await running.operator('GET', '/api/v1/session')).json, { signedIn: true, passwords: true });
  const [first, second] = [await signIn(running, 'ada'), await signIn(running, 'ada')];
  const me = (await first.call('GET', '/me')).json;
  assert.deepEqual([me.kind, me.name, me.fleet, me.role], ['user', 'ada', 'main', 'operator']);
  assert.deepEqual(me.fleets, [{ id: 'main', name: 'Main fleet', role: 'operator' }]);
  assert.equal((await first.call('GET', '/me/sessions')).json.sessions.length, 2);

  const stream = await fetch(`${running.server.addresses.operator.url}/api/v1/events`, {
    headers: { cookie: await cookieOf(running, 'ada') },
  });
  const next = 'a better password';
  assert.equal((await first.call('PUT', '/me/password', { current: 'wrong', next })).status, 403);
  assert.equal((await first.call('PUT', '/me/password', { current: PASSWORD, next: 'short' })).status, 400);
  assert.equal((await first.call('PUT', '/me/password', { current: PASSWORD, next })).status, 204);
  let cut = false;
  stream.text().catch(() => {
    cut = true;
  });
  await until('the cut of another session’s open stream', () => cut, 30_000);
  assert.equal((await first.call('GET', '/me')).status, 200);
  assert.equal((await second.call('GET', '/me')).status, 401);
  assert.deepEqual((await signIn(running, 'ada')).code, 'UNAUTHENTICATED');
  assert.equal((await signIn(running, 'ada', next)).status, 204);
  const store = await readFile(join(running.dataDir, 'server.sqlite-wal')).catch(() => Buffer.alloc(0));
  assert.equal(store.includes(next), false);
});

const cookieOf = async (running: RunningServer, name: string): Promise<string> => {
  const payload = { name, password: PASSWORD };
  const answer = await running.server.app.inject({ method: 'POST', url: '/api/v1/session', payload });
  return String(answer.headers['set-cookie']).split(';')[0] as string;
};

test('guessing the password of one user is slowed down, whatever name is tried', async (context) => {
  const running = await runServer(context);
  await running.operator('POST', '/api/v1/users', { name: 'ada', password: PASSWORD, role: 'viewer' });
  const statuses: number[] = [];
  for (let attempt = 0; attempt < 12; attempt++) statuses.push((await signIn(running, 'ada', 'guess')).status);
  assert.deepEqual([statuses[0], statuses[9], statuses[10]], [401, 401, 429]);
  assert.equal((await signIn(running, 'nobody', 'guess')).status, 401);
});

test('API tokens: of the caller’s rights only, shown once, kept as a hash, over at their time and with their owner', async (context) => {
  const running = await runServer(context);
  await running.operator('POST', '/api/v1/users', { name: 'dev', password: PASSWORD, role: 'developer' });
  const dev = await signIn(running, 'dev');
  const wanted = { name: 'ci', scopes: ['read', 'publish'], expiresAt: Date.now() + 60_000 };
  assert.equal((await dev.call('POST', '/tokens', { ...wanted, scopes: ['deploy'] })).json.error.code, 'FORBIDDEN');
  assert.equal((await dev.call('POST', '/tokens', { ...wanted, expiresAt: 1 })).json.error.code, 'INPUT_INVALID');
  const { token, id } = (await dev.call('POST', '/tokens', wanted)).json;
  const use = async (method: string, path: string, body?: unknown) =>
    (await running.operator(method, `/api/v1${path}`, body, { authorization: `Bearer ${token}` })).status;
  assert.equal(await use('GET', '/devices'), 200);
  assert.equal(await use('POST', '/devices/none/approve'), 403);
  assert.equal(await use('POST', '/tokens', wanted), 403, 'a token makes no tokens');
  assert.equal(await use('PUT', '/me/password', { current: PASSWORD, next: 'something else' }), 403);
  const listed = (await dev.call('GET', '/tokens')).json.tokens;
  assert.deepEqual([listed.length, listed[0].token, typeof listed[0].lastUsed], [1, undefined, 'number']);
  for (const file of ['server.sqlite', 'server.sqlite-wal'])
    assert.equal((await readFile(join(running.dataDir, file)).catch(() => Buffer.alloc(0))).includes(token), false);

  await running.operator('PUT', '/api/v1/users/dev/role', { role: 'viewer' });
  assert.equal(await use('GET', '/devices'), 200);
  assert.equal(await use('HEAD', `/blobs/${'0'.repeat(64)}`), 403, 'a token never does more than its owner may now');
  assert.equal((await dev.call('DELETE', `/tokens/${id}`)).status, 204);
  assert.equal(await use('GET', '/devices'), 401);
  const second = (await dev.call('POST', '/tokens', { ...wanted, scopes: ['read'] })).json.token;
  await running.operator('DELETE', '/api/v1/users/dev');
  const gone = await running.operator('GET', '/api/v1/devices', undefined, { authorization: `Bearer ${second}` });
  assert.equal(gone.status, 401);
  assert.equal((await dev.call('GET', '/me')).status, 401);
});

test('of two requests for one name at once, one is told that it is taken', async (context) => {
  const running = await runServer(context);
  const add = () => running.operator('POST', '/api/v1/users', { name: 'ada', password: PASSWORD, role: 'viewer' });
  const statuses = (await Promise.all([add(), add()])).map(({ status }) => status);
  assert.deepEqual(statuses.sort(), [200, 409]);
});

test('people of several fleets: only an administrator of the server may change them, and each sees one fleet at a time', async (context) => {
  const running = await runServer(context);
  await running.operator('POST', '/api/v1/fleets', { id: 'north', name: 'North' });
  const north = { 'nodeos-fleet': 'north' };
  await running.operator('POST', '/api/v1/users', { name: 'ada', password: PASSWORD, role: 'admin' });
  await running.operator('POST', '/api/v1/users', { name: 'bob', password: PASSWORD, role: 'viewer' });
  assert.equal((await running.operator('PUT', '/api/v1/users/bob/role', { role: 'admin' }, north)).json.role, 'admin');
  const [ada, bob] = [await signIn(running, 'ada'), await signIn(running, 'bob')];
  assert.equal((await ada.call('PUT', '/users/bob/password', { password: 'mine from now on' })).status, 403);
  assert.equal(
    (await ada.call('POST', '/users', { name: 'eve', password: PASSWORD, role: 'admin', server: true })).status,
    403,
  );
  assert.deepEqual(
    (await bob.call('GET', '/me')).json.fleets.map(({ id, role }: { id: string; role: string }) => [id, role]),
    [
      ['main', 'viewer'],
      ['north', 'admin'],
    ],
  );
  assert.equal((await bob.call('GET', '/users')).status, 403);
  assert.equal((await bob.call('PUT', '/session', { fleet: 'north' })).status, 204);
  assert.deepEqual(
    (await bob.call('GET', '/users')).json.users.map(({ name }: { name: string }) => name),
    ['bob'],
  );
  assert.equal((await bob.call('PUT', '/session', { fleet: 'elsewhere' })).status, 404);
  assert.equal((await ada.call('DELETE', '/users/bob')).status, 204);
  assert.equal((await bob.call('GET', '/me')).json.fleet, 'north', 'the account lives on in the other fleet');
  assert.equal(
    (await running.operator('POST', '/api/v1/users', { name: 'bob', password: PASSWORD, role: 'viewer' })).json.error
      .code,
    'CONFLICT',
  );
});
