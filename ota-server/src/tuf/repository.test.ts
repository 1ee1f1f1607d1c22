import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Metadata, MetadataKind } from '@tufjs/models';
import { openFileBlobs } from '../blobs/file-blobs.ts';
import { openSqliteStore } from '../store/sqlite/store.ts';
import { appTarget, makeReleaseKey, makeRoot, makeTargets, systemTarget } from '../testing/release-keys.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { parseRoot } from './checks.ts';
import { isSoundEd25519Key } from './ed25519-points.ts';
import { openOnlineKeys } from './online-keys.ts';
import { openRepository } from './repository.ts';

const DAY = 86_400_000;

async function setUp(context: TestContext, options: { threshold?: number; now?: () => number } = {}) {
  const folder = await temporaryFolder(context);
  const keys = await openOnlineKeys(join(folder, 'keys'));
  const blobs = await openFileBlobs(join(folder, 'blobs'), 1_000_000);
  const server = openSqliteStore(':memory:');
  context.after(() => server.close());
  const store = server.fleet('main');
  const tuf = join(folder, 'tuf');
  const repository = await openRepository({ folder: tuf, keys, blobs, store, now: options.now });
  const [first, second] = [makeReleaseKey(), makeReleaseKey()];
  const online = { snapshot: keys.snapshot.publicHex, timestamp: keys.timestamp.publicHex };
  const rootParts = {
    rootKeys: [first],
    targetsKeys: [first, second],
    targetsThreshold: options.threshold ?? 1,
    online,
  };
  await repository.putRoot(makeRoot(rootParts));
  const files = async () => (await readdir(tuf)).sort();
  return { folder: tuf, keys, blobs, store, repository, first, second, online, rootParts, files };
}

test('publishing makes a consistent snapshot that verifies from the root down', async (context) => {
  const { repository, blobs, first, files, store } = await setUp(context);
  const target = await appTarget('hello', '1.0.0', 'bundle', blobs);
  assert.equal(await repository.putTargets(makeTargets(1, [target], [first])), 1);
  assert.deepEqual(await files(), ['1.root.json', '1.snapshot.json', '1.targets.json', 'timestamp.json']);
  const read = async (name: string) => JSON.parse(String(await repository.read(name)));
  const root = parseRoot(String(await repository.read('root.json')));
  const timestamp = Metadata.fromJSON(MetadataKind.Timestamp, await read('timestamp.json'));
  const snapshot = Metadata.fromJSON(MetadataKind.Snapshot, await read('1.snapshot.json'));
  root.verifyDelegate('timestamp', timestamp);
  root.verifyDelegate('snapshot', snapshot);
  timestamp.signed.snapshotMeta.verify((await repository.read('1.snapshot.json')) as Buffer);
  snapshot.signed.meta['targets.json']?.verify((await repository.read('targets.json')) as Buffer);
  assert.equal((await store.releases.get(target.path))?.name, 'hello');
});

test('a targets file by the wrong key is refused and nothing is written', async (context) => {
  const { repository, blobs, files } = await setUp(context);
  const target = await appTarget('hello', '1.0.0', 'bundle', blobs);
  await assert.rejects(repository.putTargets(makeTargets(1, [target], [makeReleaseKey()])), {
    code: 'SIGNATURE_INVALID',
  });
  await assert.rejects(repository.putTargets(makeTargets(1, [target], [])), { code: 'SIGNATURE_INVALID' });
  assert.deepEqual(await files(), ['1.root.json']);
});

test('a threshold of two wants two keys: one, or one twice, is not enough', async (context) => {
  const { repository, blobs, first, second } = await setUp(context, { threshold: 2 });
  const target = await appTarget('hello', '1.0.0', 'bundle', blobs);
  await assert.rejects(repository.putTargets(makeTargets(1, [target], [first])), { code: 'SIGNATURE_INVALID' });
  const doubled = JSON.parse(makeTargets(1, [target], [first]));
  doubled.signatures.push(doubled.signatures[0]);
  await assert.rejects(repository.putTargets(JSON.stringify(doubled)), { code: 'METADATA_INVALID' });
  assert.equal(await repository.putTargets(makeTargets(1, [target], [first, second])), 1);
});

test('a change after signing is refused', async (context) => {
  const { repository, blobs, first } = await setUp(context);
  const text = makeTargets(1, [await appTarget('hello', '1.0.0', 'bundle', blobs)], [first]);
  await assert.rejects(repository.putTargets(text.replace('"notes":""', '"notes":"x"')), { code: 'SIGNATURE_INVALID' });
});

test('versions grow by one; the same upload again is done already', async (context) => {
  const { repository, blobs, first } = await setUp(context);
  const target = await appTarget('hello', '1.0.0', 'bundle', blobs);
  await assert.rejects(repository.putTargets(makeTargets(2, [target], [first])), { code: 'METADATA_STALE' });
  const one = makeTargets(1, [target], [first]);
  await repository.putTargets(one);
  assert.equal(await repository.putTargets(one), 1);
  await assert.rejects(repository.putTargets(makeTargets(1, [], [first])), { code: 'METADATA_STALE' });
  await assert.rejects(repository.putTargets(makeTargets(3, [target], [first])), { code: 'METADATA_STALE' });
});

test('of two publishers at once one wins and the other is told that it is late', async (context) => {
  const { repository, blobs, first } = await setUp(context);
  const a = makeTargets(1, [await appTarget('a', '1.0.0', 'a', blobs)], [first]);
  const b = makeTargets(1, [await appTarget('b', '1.0.0', 'b', blobs)], [first]);
  const results = await Promise.allSettled([repository.putTargets(a), repository.putTargets(b)]);
  assert.deepEqual(results.map((result) => result.status).sort(), ['fulfilled', 'rejected']);
  const codes = results.map((result) => (result.status === 'rejected' ? result.reason.code : null));
  assert.ok(codes.includes('METADATA_STALE'));
});

test('a version that was ever published keeps its bytes and its description', async (context) => {
  const { repository, blobs, first, store } = await setUp(context);
  const target = await appTarget('hello', '1.0.0', 'bundle', blobs);
  await repository.putTargets(makeTargets(1, [target], [first]));
  const other = await appTarget('hello', '1.0.0', 'other bundle', blobs);
  await assert.rejects(repository.putTargets(makeTargets(2, [other], [first])), { code: 'RELEASE_EXISTS' });
  const described = { ...target, custom: { ...(target.custom as object), notes: 'changed' } };
  await assert.rejects(repository.putTargets(makeTargets(2, [described], [first])), { code: 'RELEASE_EXISTS' });
  await repository.putTargets(makeTargets(2, [], [first]));
  assert.equal((await store.releases.get(target.path))?.listed, false);
  await assert.rejects(repository.putTargets(makeTargets(3, [other], [first])), { code: 'RELEASE_EXISTS' });
  assert.equal(await repository.putTargets(makeTargets(3, [target], [first])), 1);
});

test('a target without its blob, with another length, or changed on the disk is refused', async (context) => {
  const { repository, blobs, first } = await setUp(context);
  await assert.rejects(repository.putTargets(makeTargets(1, [await appTarget('a', '1.0.0', 'x')], [first])), {
    code: 'NOT_FOUND',
  });
  const target = await appTarget('a', '1.0.0', 'octets', blobs);
  await assert.rejects(repository.putTargets(makeTargets(1, [{ ...target, bytes: 5 }], [first])), {
    code: 'LENGTH_MISMATCH',
  });
});

test('path and description must agree, the description must fit its schema', async (context) => {
  const { repository, blobs, first } = await setUp(context);
  const target = await appTarget('hello', '1.0.0', 'bundle', blobs);
  for (const wrong of [
    { ...target, path: 'apps/hello/2.0.0/any.sqfs' },
    { ...target, path: '../../etc/passwd' },
    { ...target, custom: {} },
    { ...target, sha256: 'ff' },
    { ...systemTarget('x86_64-usb', '1.0.0', 'bundle'), path: 'systems/other/1.0.0/slot.img' },
  ])
    await assert.rejects(repository.putTargets(makeTargets(1, [wrong], [first])), { code: 'METADATA_INVALID' });
});

test('expired metadata, delegations and what is no metadata are refused', async (context) => {
  const { repository, first } = await setUp(context);
  const expired = makeTargets(1, [], [first], '2020-01-01T00:00:00Z');
  await assert.rejects(repository.putTargets(expired), { code: 'METADATA_EXPIRED' });
  await assert.rejects(repository.putTargets('{'), { code: 'INPUT_INVALID' });
  await assert.rejects(repository.putTargets('[]'), { code: 'METADATA_INVALID' });
  await assert.rejects(repository.putTargets('{"signed":{"_type":"root"},"signatures":[]}'), {
    code: 'METADATA_INVALID',
  });
});

test('the first root must name this server and sign itself; the next must be signed by the one before', async (context) => {
  const { repository, rootParts, first, second } = await setUp(context);
  await repository.putRoot(makeRoot(rootParts));
  await assert.rejects(repository.putRoot(makeRoot({ ...rootParts, version: 3 })), { code: 'METADATA_STALE' });
  const taken = { ...rootParts, version: 2, rootKeys: [second] };
  await assert.rejects(repository.putRoot(makeRoot({ ...taken, signers: [second] })), { code: 'SIGNATURE_INVALID' });
  await assert.rejects(repository.putRoot(makeRoot({ ...taken, signers: [first] })), { code: 'SIGNATURE_INVALID' });
  const foreign = { ...rootParts, version: 2, online: { ...rootParts.online, timestamp: makeReleaseKey().publicHex } };
  await assert.rejects(repository.putRoot(makeRoot(foreign)), { code: 'METADATA_INVALID' });
  await repository.putRoot(makeRoot({ ...taken, signers: [first, second] }));
  assert.equal(await repository.rootVersion(), 2);
});

test('one key under two identifiers and keys of small order are refused', async (context) => {
  const { repository, rootParts, first } = await setUp(context);
  const twin = { ...first, id: 'another-name' };
  await assert.rejects(
    repository.putRoot(makeRoot({ ...rootParts, version: 2, rootKeys: [first, twin] })),
    /stands there twice/,
  );
  for (const weak of [
    '0100000000000000000000000000000000000000000000000000000000000000',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ])
    assert.equal(isSoundEd25519Key(weak), false, weak);
  assert.equal(isSoundEd25519Key(first.publicHex), true);
});

test('timestamp and snapshot are signed anew when half of their time is over', async (context) => {
  let now = Date.now();
  const { repository, blobs, first } = await setUp(context, { now: () => now });
  await repository.putTargets(makeTargets(1, [await appTarget('hello', '1.0.0', 'bundle', blobs)], [first]));
  const version = async () => JSON.parse(String(await repository.read('timestamp.json'))).signed.version as number;
  await repository.refresh();
  assert.equal(await version(), 1);
  now += 0.6 * DAY;
  await repository.refresh();
  assert.equal(await version(), 2);
  now += 4 * DAY;
  await repository.refresh();
  assert.equal(JSON.parse(String(await repository.read('2.snapshot.json'))).signed.version, 2);
});

test('what was changed on the disk is served as it is and never signed', async (context) => {
  let now = Date.now();
  const { repository, blobs, first, folder } = await setUp(context, { now: () => now });
  await repository.putTargets(makeTargets(1, [await appTarget('hello', '1.0.0', 'bundle', blobs)], [first]));
  const path = join(folder, '1.targets.json');
  const forged = (await readFile(path, 'utf8')).replace('"notes":""', '"notes":"forged"');
  await writeFile(path, forged);
  assert.equal(String(await repository.read('1.targets.json')), forged);
  now += 5 * DAY;
  await assert.rejects(repository.refresh(), { code: 'SIGNATURE_INVALID' });
});

test('file names that lead elsewhere give nothing', async (context) => {
  const { repository } = await setUp(context);
  for (const name of ['../keys/snapshot.pem', 'timestamp.json.part', '1.timestamp.json', 'root.json/..', 'x.json'])
    assert.equal(await repository.read(name), null);
});

test('online keys survive a restart and sign', async (context) => {
  const folder = await temporaryFolder(context);
  const { snapshot } = await openOnlineKeys(folder);
  assert.equal((await openOnlineKeys(folder)).snapshot.publicHex, snapshot.publicHex);
  const key = createPublicKey({
    key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(snapshot.publicHex, 'hex')]),
    format: 'der',
    type: 'spki',
  });
  assert.ok(verify(null, Buffer.from('text'), key, Buffer.from(snapshot.sign(Buffer.from('text')), 'hex')));
});
