import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { runJudge } from '../testing/judge.ts';
import { makePublisher } from '../testing/publish.ts';
import { appTarget } from '../testing/release-keys.ts';
import { runServer } from '../testing/running-server.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { createBackup, restoreBackup } from './backup.ts';
import { packTar } from './tar.ts';

async function archiveOf(context: Parameters<typeof runServer>[0], blobs: 0 | 1) {
  const running = await runServer(context);
  const device = await running.enrolledDevice(['kiosk']);
  const publisher = await makePublisher(running);
  await publisher.publish(await appTarget('hello', '1.0.0', 'the bundle'), 'the bundle');
  const folder = await temporaryFolder(context);
  const file = join(folder, 'backup.tar');
  const { url } = running.server.addresses.operator;
  const headers = { authorization: `Bearer ${running.server.operatorToken}` };
  const answer = await fetch(`${url}/api/v1/backup?blobs=${blobs}`, { headers });
  assert.equal(answer.status, 200);
  await writeFile(file, Buffer.from(await answer.arrayBuffer()));
  return { running, device, folder, file };
}

test('tar: a backup that is made while the server runs and writes becomes a server that knows all of it', async (context) => {
  const { running, device, folder, file } = await archiveOf(context, 1);
  const listed = await runJudge(context, 'tar', ['--list', '--verbose', '--file', file]);
  if (listed !== null) {
    assert.equal(listed.status, 0, listed.output);
    assert.match(listed.output, /^-rw------- .* server\.sqlite$/m);
    assert.match(listed.output, /^-rw------- .* keys\/ca-key\.pem$/m);
    assert.match(listed.output, /tuf\/timestamp\.json\n/);
  }
  const timestamp = (await running.device(device, 'GET', '/tuf/timestamp.json')).json.signed.version;
  await running.operator('POST', '/api/v1/claim-tokens', {
    uses: 1,
    expiresAt: null,
    tags: ['later'],
    autoApprove: true,
  });
  await running.server.close();

  const dataDir = join(folder, 'restored');
  const { files } = await restoreBackup(file, dataDir);
  assert.ok(files > 8);
  assert.equal((await stat(join(dataDir, 'operator-token'))).mode & 0o777, 0o600);
  const second = await runServer(context, dataDir);
  assert.equal(second.server.operatorToken, running.server.operatorToken);
  assert.equal((await second.device(device, 'GET', '/device/v1/desired')).status, 200, 'the device keeps its identity');
  assert.equal((await second.operator('GET', '/api/v1/releases')).json.releases.length, 1);
  assert.equal((await second.operator('GET', '/api/v1/claim-tokens')).json.claimTokens.length, 1, 'as of the moment');
  const { entries, fault } = (await second.operator('GET', '/api/v1/audit/check')).json;
  assert.deepEqual([entries > 4, fault], [true, null]);
  const renewed = (await second.device(device, 'GET', '/tuf/timestamp.json')).json.signed;
  assert.ok(renewed.version > timestamp + 1_000_000, 'newer than all that devices may have seen');
  assert.equal(renewed.meta['snapshot.json'].version > 1_000_000, true);
  assert.equal((await readdir(join(dataDir, 'tuf'))).includes('restored'), false);
  const target = (await second.operator('GET', '/api/v1/releases')).json.releases[0];
  const octets = await second.device(device, 'GET', `/targets/apps/hello/1.0.0/${target.sha256}.any.sqfs`);
  assert.equal(octets.text, 'the bundle');
});

test('a backup that is cut short, changed, or of something else is refused and leaves nothing', async (context) => {
  const { folder, file } = await archiveOf(context, 0);
  const octets = await readFile(file);
  const changed = Buffer.from(octets);
  const place = changed.indexOf('BEGIN PRIVATE KEY') + 40;
  changed.writeUInt8(changed.readUInt8(place) ^ 1, place);
  const one = { name: '../x', bytes: 1, mode: 0o600, content: Readable.from([Buffer.from('x')]) };
  const escaping = Buffer.concat(await packTar(Readable.from([one])).toArray());
  for (const [what, content, reason] of [
    ['cut', octets.subarray(0, octets.length / 2), /ends in the middle|no list/],
    ['cut at a file', octets.subarray(0, 512), /ends in the middle/],
    ['changed', changed, /was changed/],
    ['another file', Buffer.from('x'.repeat(2048)), /not a tar archive/],
    ['a name that leads out', escaping, /the name "\.\.\/x"/],
    ['empty', Buffer.alloc(0), /ends in the middle/],
  ] as const) {
    const bad = join(folder, 'bad.tar');
    await writeFile(bad, content);
    await assert.rejects(restoreBackup(bad, join(folder, 'target')), { code: 'BACKUP_INVALID', message: reason }, what);
  }
  await assert.rejects(restoreBackup(join(folder, 'none.tar'), join(folder, 'target')), { code: 'FILE_UNREADABLE' });
  await assert.rejects(restoreBackup(file, folder), { code: 'CONFLICT' });
  assert.deepEqual((await readdir(folder)).sort(), ['backup.tar', 'bad.tar']);
});

test('the copy of the database is of one moment and whole, whatever is written meanwhile', async (context) => {
  const running = await runServer(context);
  const make = (tag: string) =>
    running.operator('POST', '/api/v1/claim-tokens', { uses: 1, expiresAt: null, tags: [tag], autoApprove: true });
  for (let count = 0; count < 20; count++) await make(`before-${count}`);
  const folder = await temporaryFolder(context);
  const { openSqliteStore } = await import('../store/sqlite/store.ts');
  const store = openSqliteStore(join(folder, 'live.sqlite'));
  context.after(() => store.close());
  const writes = (async () => {
    for (let count = 0; count < 200; count++) await store.setSetting(`name-${count}`, 'x'.repeat(4096));
  })();
  const archive = createBackup({ store, dataDir: folder, version: '1.0.0', blobs: false });
  archive.on('error', () => undefined);
  await assert.rejects(archive.toArray(), /operator-token/, 'a file that is missing is no silent hole');
  await store.backup(join(folder, 'copy.sqlite'));
  await writes;
  const copy = new DatabaseSync(join(folder, 'copy.sqlite'), { readOnly: true });
  assert.deepEqual({ ...copy.prepare('pragma integrity_check').get() }, { integrity_check: 'ok' });
  copy.close();
});
