import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { AUDIT_START, type AuditEntry } from '@nodeos/contracts/audit.ts';
import { auditFault, auditHash } from '@nodeos/contracts/audit-chain.ts';
import { openSqliteStore } from '../store/sqlite/store.ts';
import { makePublisher } from '../testing/publish.ts';
import { appTarget } from '../testing/release-keys.ts';
import { deviceReport, runServer } from '../testing/running-server.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { until } from '../testing/until.ts';
import { AuditLog } from './audit-log.ts';
import { redact } from './redact.ts';

const event = { actor: 'ada', address: '::1', action: 'POST /x', target: '/x', outcome: 'accepted' } as const;

test('the chain: each entry holds the hash of the one before, over fields in the documented order', async (context) => {
  const server = openSqliteStore(':memory:');
  context.after(() => server.close());
  const log = new AuditLog(server.fleet('main'), () => 7);
  await Promise.all([1, 2, 3].map((number) => log.record({ ...event, details: `"${number}"` })));
  const { entries, head } = await log.page({ limit: 9 });
  const forward = entries.toReversed();
  assert.deepEqual(
    forward.map(({ sequence }) => sequence),
    [1, 2, 3],
  );
  const second = forward[1] as AuditEntry;
  const fields = [2, 7, 'ada', '::1', 'POST /x', '/x', 'accepted', '"2"', forward[0]?.hash];
  assert.equal(second.hash, createHash('sha256').update(JSON.stringify(fields)).digest('hex'));
  assert.deepEqual(head, { sequence: 3, hash: forward[2]?.hash });
  assert.equal(auditFault(forward, AUDIT_START), null);
  assert.deepEqual(await log.verify(), { entries: 3, fault: null });
  assert.match(auditFault([forward[0], forward[2]] as AuditEntry[], AUDIT_START) ?? '', /after entry 1 comes 3/);
  assert.match(auditFault(forward.slice(1), AUDIT_START) ?? '', /after entry 0 comes 2/);
  const { hash: _hash, ...forged } = { ...second, actor: 'eve' };
  const rewritten = [forward[0], { ...forged, hash: auditHash(forged) }, forward[2]] as AuditEntry[];
  assert.match(auditFault(rewritten, AUDIT_START) ?? '', /entry 3 does not follow/);
  assert.match(auditFault([{ ...second, sequence: 1, previous: AUDIT_START.hash }], AUDIT_START) ?? '', /was changed/);
});

test('the database refuses to change or remove an entry; one who edits its file is seen', async (context) => {
  const path = join(await temporaryFolder(context), 'server.sqlite');
  const server = openSqliteStore(path);
  const log = new AuditLog(server.fleet('main'));
  for (const actor of ['ada', 'bob', 'eve', 'ada']) await log.record({ ...event, actor });
  await server.close();
  const edit = (text: string): void => {
    const raw = new DatabaseSync(path);
    try {
      raw.exec(text);
    } finally {
      raw.close();
    }
  };
  assert.throws(() => edit(`update audit set actor = 'bob'`), /append-only/);
  assert.throws(() => edit('delete from audit'), /append-only/);
  const verify = async () => {
    const opened = openSqliteStore(path);
    const { fault } = await new AuditLog(opened.fleet('main')).verify();
    await opened.close();
    return fault;
  };
  edit(`drop trigger audit_stays; drop trigger audit_keeps; update audit set actor = 'bob' where sequence = 3`);
  assert.match((await verify()) ?? '', /entry 3 was changed/);
  edit(`delete from audit where sequence = 3`);
  assert.match((await verify()) ?? '', /after entry 2 comes 4: entries are missing/);
  edit(`delete from audit where sequence < 3`);
  assert.match((await verify()) ?? '', /after entry 0 comes 4|entry 4 does not follow/);
});

test('every change by a request is written before it is made, its failure and its refusal after it; secrets are not', async (context) => {
  const running = await runServer(context);
  const password = 'correct horse battery';
  await running.operator('POST', '/api/v1/users', { name: 'ada', password, role: 'viewer' });
  await running.server.app.inject({ method: 'POST', url: '/api/v1/session', payload: { name: 'ada', password: 'no' } });
  const login = await running.server.app.inject({
    method: 'POST',
    url: '/api/v1/session',
    payload: { name: 'ada', password },
  });
  const cookie = String(login.headers['set-cookie']).split(';')[0] as string;
  await running.operator('POST', '/api/v1/devices/none/revoke', {}, { authorization: '', cookie });
  await running.operator('POST', '/api/v1/devices/none/revoke', {});
  const device = await running.enrolledDevice();
  const { entries } = (await running.operator('GET', '/api/v1/audit?limit=50')).json as { entries: AuditEntry[] };
  const lines = entries.toReversed().map((one) => `${one.actor} ${one.action} ${one.outcome}`);
  assert.deepEqual(lines, [
    'operator token POST /users accepted',
    'ada POST /session refused',
    'ada POST /session accepted',
    'ada POST /devices/:id/revoke refused',
    'operator token POST /devices/:id/revoke accepted',
    'operator token POST /devices/:id/revoke failed',
    'operator token POST /claim-tokens accepted',
    `device ${device.id} enrol accepted`,
  ]);
  assert.doesNotMatch(JSON.stringify(entries), /horse/);
  assert.equal(entries.at(-4)?.target, '/devices/none/revoke');
  assert.equal(entries[0]?.address, '127.0.0.1');
  assert.deepEqual((await running.operator('GET', '/api/v1/audit/check')).json, { entries: 8, fault: null });
  assert.equal(
    redact({ claimToken: 'x', nested: { password: 'y', tags: ['z'] } }),
    '{"claimToken":"…","nested":{"password":"…","tags":["z"]}}',
  );
});

test('what a deployment does by itself is in the log too, once for each state', async (context) => {
  const running = await runServer(context);
  const device = await running.enrolledDevice(['kiosk']);
  const publisher = await makePublisher(running);
  const target = await appTarget('hello', '1.0.0', 'the bundle');
  await publisher.publish(target, 'the bundle');
  const { id } = (await running.operator('POST', '/api/v1/deployments', { target: target.path, to: { tag: 'kiosk' } }))
    .json;
  const status = {
    lane: 'app',
    name: 'hello',
    version: '1.0.0',
    target: target.path,
    deployment: id,
    percent: null,
  } as const;
  const report = (state: 'fetching' | 'failed', reason: string | null) =>
    running.device(
      device,
      'POST',
      '/device/v1/report',
      deviceReport({ generation: 1, updates: [{ ...status, state, reason }] }),
    );
  await report('fetching', null);
  await report('failed', 'APP_START_FAILED: exit code 1');
  const entries = await until('the end of the deployment', async () => {
    const page = (await running.operator('GET', '/api/v1/audit?actor=server')).json as { entries: AuditEntry[] };
    return page.entries.length >= 2 && page.entries;
  });
  const { state } = (await running.operator('GET', `/api/v1/deployments/${id}`)).json;
  assert.deepEqual(
    entries.toReversed().map(({ action, target: subject }) => [action, subject]),
    [
      ['deployment running', `/deployments/${id}`],
      [`deployment ${state}`, `/deployments/${id}`],
    ],
  );
  assert.notEqual(state, 'running');
});
