import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { runServer } from '@nodeos/ota-server/testing/running-server.ts';
import { runForTest, temporaryFolder } from '../cli.testing.ts';

async function setUp(test: TestContext) {
  const running = await runServer(test);
  const cwd = await temporaryFolder(test);
  const server = running.server.addresses.operator.url;
  const as =
    (token: string) =>
    (...argv: string[]) =>
      runForTest([...argv, '--server', server, '--token', token], { cwd, env: { NODEOS_PASSWORD: '' } });
  return { running, as, run: as(running.server.operatorToken) };
}

describe('people, tokens, fleets and the audit log by command', () => {
  it('adds a user with a password that is made, changes the role and takes the user out', async (test) => {
    const { running, run } = await setUp(test);
    const added = await run('users', 'add', 'ada', '--role', 'viewer');
    assert.equal(added.code, 0, added.stderr);
    const password = /^password: (\S{20})$/m.exec(added.stdout)?.[1];
    const login = await running.server.app.inject({
      method: 'POST',
      url: '/api/v1/session',
      payload: { name: 'ada', password },
    });
    assert.equal(login.statusCode, 204);
    assert.match((await run('users', 'role', 'ada', 'operator')).stdout, /ada is operator/);
    assert.match((await run('users', 'list')).stdout, /^ada +operator/m);
    assert.match((await run('users', 'password', 'ada')).stdout, /^password: /);
    assert.match((await run('users', 'add', 'bob', '--role', 'king')).stderr, /^error INPUT_INVALID: --role/);
    assert.equal((await run('users', 'remove', 'ada')).code, 0);
    assert.match((await run('users', 'remove', 'ada')).stderr, /^error NOT_FOUND/);
  });

  it('makes a token that does what its rights allow, and ends it', async (test) => {
    const { as, run } = await setUp(test);
    const made = JSON.parse((await run('tokens', 'create', 'ci', '--scope', 'read', '--days', '1', '--json')).stdout);
    const ci = as(made.token);
    assert.equal((await ci('devices', 'list')).code, 0);
    assert.match((await ci('claim-token', 'create')).stderr, /^error FORBIDDEN: .*"provision"/);
    assert.match((await run('tokens', 'list')).stdout, new RegExp(`^${made.id} +ci +operator token +read`, 'm'));
    assert.equal((await run('tokens', 'revoke', made.id)).code, 0);
    assert.match((await ci('devices', 'list')).stderr, /^error UNAUTHENTICATED/);
    assert.match((await run('tokens', 'create', 'x', '--scope', 'everything')).stderr, /^error INPUT_INVALID/);
  });

  it('keeps fleets apart, and checks the audit log against a hash that was kept', async (test) => {
    const { run } = await setUp(test);
    assert.equal((await run('fleets', 'create', 'north', '--title', 'North')).code, 0);
    assert.match((await run('fleets', 'list')).stdout, /^north +North/m);
    await run('claim-token', 'create', '--tag', 'kiosk');
    assert.match((await run('claim-token', 'list', '--in-fleet', 'north')).stdout, /No claim tokens/);
    assert.match(
      (await run('devices', 'list', '--in-fleet', 'south')).stderr,
      /^error NOT_FOUND: there is no fleet south/,
    );
    const list = await run('audit', 'list');
    assert.match(list.stdout, /operator token +127\.0\.0\.1 +POST \/claim-tokens +accepted +\{.*kiosk/);
    const check = await run('audit', 'check');
    const since = /: (2:[0-9a-f]{64})$/m.exec(check.stdout)?.[1] as string;
    assert.ok(since, check.stdout + check.stderr);
    assert.equal((await run('audit', 'check', '--since', since)).code, 0);
    const other = `${since.slice(0, -1)}${since.endsWith('0') ? '1' : '0'}`;
    assert.match(
      (await run('audit', 'check', '--since', other)).stderr,
      /^error AUDIT_BROKEN: .*entry 2 is another one/,
    );
    assert.match((await run('audit', 'check', '--since', `9${since.slice(1)}`)).stderr, /entry 9 is missing/);
  });

  it('backs a running server up and makes a data folder of the copy', async (test) => {
    const { running, as, run } = await setUp(test);
    const cwd = await temporaryFolder(test);
    const created = await run('backup', 'create', '--out', join(cwd, 'fleet.tar'));
    assert.match(created.stdout, /fleet\.tar: \d+ kB\. It holds the private keys/, created.stderr);
    assert.equal((await stat(join(cwd, 'fleet.tar'))).mode & 0o777, 0o600);
    assert.match((await run('audit', 'list')).stdout, /GET \/backup/, 'who takes the keys is written down');
    const made = JSON.parse((await run('tokens', 'create', 'x', '--scope', 'read', '--json')).stdout);
    const refused = await as(made.token)('backup', 'create', '--out', join(cwd, 'stolen.tar'));
    assert.match(refused.stderr, /^error FORBIDDEN/);
    assert.deepEqual(await readdir(cwd), ['fleet.tar']);
    const restored = await runForTest(['backup', 'restore', 'fleet.tar', '--data', 'copy'], { cwd });
    assert.match(restored.stdout, /next: nodeos server --data copy/, restored.stderr);
    assert.equal((await readFile(join(cwd, 'copy/operator-token'), 'utf8')).trim(), running.server.operatorToken);
    const again = await runForTest(['backup', 'restore', 'fleet.tar', '--data', 'copy'], { cwd });
    assert.match(again.stderr, /^error CONFLICT/);
  });

  it('registers serial numbers, conditions claim tokens, and replaces and removes devices', async (test) => {
    const { running, run } = await setUp(test);
    const cwd = await temporaryFolder(test);
    const file = join(cwd, 'batch.csv');
    await writeFile(file, 'serial,tags,approve\nS-1,kiosk,yes\nS-2,,no\n');
    assert.match((await run('registrations', 'import', file)).stdout, /^2 added, 0 changed/);
    await writeFile(file, 'serial\nS 1\n');
    assert.match((await run('registrations', 'import', file)).stderr, /^error INPUT_INVALID: .*line 2/);
    assert.match((await run('registrations', 'list')).stdout, /^S-1 +kiosk +yes +-$/m);
    assert.equal((await run('registrations', 'remove', 'S-2')).code, 0);

    const rules = ['--approve-board', 'raspberrypi4', '--approve-network', '10.0.0.0/8'];
    assert.match((await run('claim-token', 'create', ...rules)).stderr, /^error INPUT_INVALID: .*limit --auto-approve/);
    const made = JSON.parse((await run('claim-token', 'create', '--auto-approve', ...rules, '--json')).stdout);
    assert.deepEqual(made.approveOnly, { boards: ['raspberrypi4'], networks: ['10.0.0.0/8'], registered: false });
    assert.match((await run('claim-token', 'list')).stdout, new RegExp(`^${made.id} .* some `, 'm'));
    assert.equal((await run('claim-token', 'revoke', made.id)).code, 0);
    assert.match((await run('claim-token', 'revoke', made.id)).stderr, /^error NOT_FOUND/);

    const [old, fresh] = [
      await running.enrolledDevice(['kiosk'], 'old-one'),
      await running.enrolledDevice([], 'new-one'),
    ];
    assert.match(
      (await run('devices', 'replace', 'new-one', 'old-one')).stdout,
      new RegExp(`${fresh.id} takes the place`),
    );
    assert.match((await run('devices', 'show', fresh.id)).stdout, /^tags +kiosk$/m);
    assert.match((await run('devices', 'remove', old.id)).stdout, /out of the fleet/);
    assert.match((await run('devices', 'show', old.id)).stderr, /^error NOT_FOUND/);
  });

  it('adds a webhook, shows what became of a delivery, and removes it', async (test) => {
    const { run } = await setUp(test);
    const made = JSON.parse(
      (await run('webhooks', 'add', 'http://127.0.0.1:1/', '--topic', 'release', '--json')).stdout,
    );
    assert.match(made.secret, /^whsec_/);
    assert.match((await run('webhooks', 'list')).stdout, new RegExp(`^${made.id} +http://127.0.0.1:1/ +release$`, 'm'));
    assert.equal((await run('webhooks', 'test', made.id)).code, 0);
    assert.match((await run('webhooks', 'deliveries', made.id)).stdout, /^test +\d+ s ago +waiting/m);
    assert.match((await run('webhooks', 'add', 'ftp://x')).stderr, /^error INPUT_INVALID/);
    assert.match((await run('webhooks', 'add', 'http://x', '--topic', 'y')).stderr, /^error INPUT_INVALID: --topic/);
    assert.equal((await run('webhooks', 'remove', made.id)).code, 0);
    assert.match((await run('webhooks', 'deliveries', made.id)).stderr, /^error NOT_FOUND/);
  });
});
