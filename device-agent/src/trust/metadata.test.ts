import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { appManifest } from '@nodeos/contracts/app-manifest.testing.ts';
import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import type { ErrorCode } from '@nodeos/contracts/errors.ts';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';
import type { ReleaseCustom } from '@nodeos/contracts/release.ts';
import { systemDisk } from '../updater/disk.ts';
import { findTarget, type TrustPorts } from './metadata.ts';
import { requireApp, requireSystem } from './release-check.ts';
import {
  answerWith,
  endlessAnswer,
  makeKey,
  silentAnswer,
  TestHttp,
  TestRepository,
} from './repository.test-support.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const PATH = 'apps/hello/1.0.0/any.sqfs';
const BYTES = Buffer.from('bundle bytes');

function appCustom(change: Partial<AppManifest> = {}): ReleaseCustom {
  return { kind: 'app', app: appManifest('1.0.0', change), notes: '' };
}

let folder: string;
let repository: TestRepository;
let http: TestHttp;
let ports: TrustPorts;
let now: number;
const notes: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nodeos-trust-'));
  repository = new TestRepository();
  repository.addTarget(PATH, BYTES, appCustom());
  http = new TestHttp(repository);
  writeFileSync(join(folder, 'root.json'), repository.root);
  now = NOW;
  notes.length = 0;
  ports = {
    http,
    disk: systemDisk,
    stateDir: join(folder, 'state'),
    slotDir: folder,
    runDir: folder,
    now: () => now,
    buildTimeMs: 0,
    limits: DEVICE_LIMITS,
    log: (text) => notes.push(text),
  };
});
afterEach(() => {
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('tuf-')),
    [],
    'working copies are left behind',
  );
  rmSync(folder, { recursive: true });
});

const refused = (code: ErrorCode, text: RegExp) => (error: unknown) => {
  assert.ok(isNodeosError(error), String(error));
  assert.equal(`${error.code} ${text.test(error.message)}`, `${code} true`, `${error.code}: ${error.message}`);
  return true;
};
const FIT = { manifest: { board: 'x86_64-usb', version: '1.1.0' }, abi: 'linux-x64-glibc' };
const stored = (file: string) => readFileSync(join(folder, 'state/tuf', file));

test('a signed target is found with its length, hash, description and consistent path', async () => {
  const target = await findTarget(ports, PATH);
  assert.equal(target.length, BYTES.length);
  assert.equal(target.fetchPath, `/targets/apps/hello/1.0.0/${target.sha256}.any.sqfs`);
  assert.equal(requireApp(target, 'hello', '1.0.0', FIT).name, 'hello');
  assert.ok(stored('root.json').equals(repository.root));
});

test('a second look uses the stored metadata and fetches what is new only', async () => {
  await findTarget(ports, PATH);
  http.requests.length = 0;
  await findTarget(ports, PATH);
  assert.deepEqual(http.requests, ['/tuf/2.root.json', '/tuf/timestamp.json']);
});

test('a target that is not signed is unknown', async () => {
  await assert.rejects(findTarget(ports, 'apps/hello/9.0.0/any.sqfs'), refused('RELEASE_UNKNOWN', /9\.0\.0/));
});

test('targets signed with a key that root does not name are refused', async () => {
  repository.publish(makeKey());
  await assert.rejects(findTarget(ports, PATH), refused('METADATA_INVALID', /targets was signed by 0\/1 keys/));
});

test('targets without a signature are refused', async () => {
  const name = `${repository.versions.targets}.targets.json`;
  const bare = JSON.parse((repository.files.get(name) as Buffer).toString());
  repository.files.set(name, Buffer.from(JSON.stringify({ ...bare, signatures: [] })));
  await assert.rejects(findTarget(ports, PATH), refused('METADATA_INVALID', /signed by 0\/1/));
});

test('a description changed after signing is refused', async () => {
  const name = `${repository.versions.targets}.targets.json`;
  const text = (repository.files.get(name) as Buffer).toString();
  repository.files.set(name, Buffer.from(text.replace('"memoryMiB":64', '"memoryMiB":65')));
  await assert.rejects(findTarget(ports, PATH), refused('METADATA_INVALID', /signed by 0\/1/));
});

test('an older timestamp than the device has seen is a rollback', async () => {
  const old = repository.files.get('timestamp.json') as Buffer;
  repository.publish();
  await findTarget(ports, PATH);
  repository.files.set('timestamp.json', old);
  await assert.rejects(findTarget(ports, PATH), refused('METADATA_ROLLBACK', /timestamp version .* is less/));
});

test('older targets in a newer snapshot are a rollback', async () => {
  repository.publish();
  await findTarget(ports, PATH);
  repository.versions.targets--;
  repository.publishSnapshot();
  await assert.rejects(findTarget(ports, PATH), refused('METADATA_ROLLBACK', /targets\.json is less/));
});

test('rollback protection survives a restart with the working copy gone', async () => {
  const old = new Map(repository.files);
  repository.publish();
  await findTarget(ports, PATH);
  for (const [name, bytes] of old) repository.files.set(name, bytes);
  await assert.rejects(findTarget({ ...ports }, PATH), refused('METADATA_ROLLBACK', /is less/));
});

for (const role of ['timestamp', 'snapshot', 'targets', 'root'] as const) {
  test(`expired ${role} metadata is refused`, async () => {
    repository.expires = { ...repository.expires, [role]: '2026-11-21T11:59:59Z' };
    if (role === 'root') {
      repository.versions.root++;
      repository.publishRoot();
    }
    repository.publish();
    await assert.rejects(findTarget(ports, PATH), refused('METADATA_EXPIRED', new RegExp(`${role}.*expired`)));
  });
}

test('a clock of 1970 does not make expired metadata valid: build time and last trusted time count', async () => {
  repository.expires = { ...repository.expires, timestamp: '2026-11-22T00:00:00Z' };
  repository.publish();
  now = 0;
  await findTarget({ ...ports, buildTimeMs: Date.parse('2026-11-21T00:00:00Z') }, PATH);
  await assert.rejects(
    findTarget({ ...ports, buildTimeMs: Date.parse('2026-11-23T00:00:00Z') }, PATH),
    refused('METADATA_EXPIRED', /2026-11-23/),
  );
  now = NOW;
  await findTarget(ports, PATH);
  repository.expires = { ...repository.expires, timestamp: '2026-11-21T11:00:00Z' };
  repository.publish();
  now = 0;
  await assert.rejects(findTarget(ports, PATH), refused('METADATA_EXPIRED', /2026-11-21T12:00/));
});

test('mix and match: a snapshot that is not the one of the timestamp is refused', async () => {
  repository.publish();
  const { snapshot } = repository.versions;
  repository.files.set(`${snapshot}.snapshot.json`, repository.files.get(`${snapshot - 1}.snapshot.json`) as Buffer);
  await assert.rejects(findTarget(ports, PATH), refused('METADATA_INVALID', /Snapshot version doesn't match/));
});

test('endless metadata ends at the cap', async () => {
  http.intercept = (path) => (path === '/tuf/timestamp.json' ? endlessAnswer() : null);
  await assert.rejects(findTarget(ports, PATH), refused('METADATA_INVALID', /timestamp\.json is longer than 16384/));
  http.intercept = (path) => (path.endsWith('targets.json') ? endlessAnswer() : null);
  await assert.rejects(findTarget(ports, PATH), refused('METADATA_INVALID', /longer than 1048576/));
});

test('a server that stops in the middle of a file is left after the rate window', async () => {
  http.intercept = (path) => (path === '/tuf/timestamp.json' ? silentAnswer(Buffer.from('{"signed"')) : null);
  const limits = { ...DEVICE_LIMITS, fetchRateWindowMs: 40 };
  await assert.rejects(findTarget({ ...ports, limits }, PATH), refused('FETCH_STALLED', /only 9 bytes/));
});

test('no server, or one in trouble, is a network error', async () => {
  http.offline = true;
  await assert.rejects(findTarget(ports, PATH), refused('FETCH_FAILED', /no connection/));
  http.offline = false;
  for (const file of ['timestamp.json', '2.root.json', `${repository.versions.snapshot}.snapshot.json`]) {
    http.intercept = (path) => (path === `/tuf/${file}` ? answerWith(503, Buffer.from('busy')) : null);
    await assert.rejects(findTarget(ports, PATH), refused('FETCH_FAILED', /answered 503/), file);
  }
});

test('garbage instead of metadata is refused', async () => {
  for (const [text, problem] of [
    ['<html>', /not JSON/],
    ['{}', /not TUF metadata/],
    ['{"signed":{"_type":"snapshot"},"signatures":[]}', /timestamp/],
  ] as const) {
    repository.files.set('timestamp.json', Buffer.from(text));
    await assert.rejects(findTarget(ports, PATH), refused('METADATA_INVALID', problem));
  }
});

test('root keys are changed by a root that the old and the new key signed', async () => {
  await findTarget(ports, PATH);
  repository.rotateRoot();
  repository.rotateRoot();
  await findTarget(ports, PATH);
  assert.ok(stored('root.json').equals(repository.root));
  repository.versions.root++;
  repository.keys.root = makeKey();
  repository.publishRoot();
  await assert.rejects(findTarget(ports, PATH), refused('METADATA_INVALID', /root was signed by 0\/1/));
});

test('a torn stored root gives way to the one in the slot', async () => {
  await findTarget(ports, PATH);
  for (const bytes of [0, 100]) {
    truncateSync(join(folder, 'state/tuf/root.json'), bytes);
    await findTarget(ports, PATH);
    assert.ok(stored('root.json').equals(repository.root));
  }
  const changed = stored('root.json');
  changed.set(Buffer.from('"2100-'), changed.indexOf('"2099-'));
  writeFileSync(join(folder, 'state/tuf/root.json'), changed);
  await findTarget(ports, PATH);
  assert.match(notes.join(), /damaged/);
});

test('other torn stored files are fetched again', async () => {
  await findTarget(ports, PATH);
  for (const file of ['timestamp.json', 'snapshot.json', 'targets.json']) {
    truncateSync(join(folder, 'state/tuf', file), 10);
    await findTarget(ports, PATH);
    assert.ok(stored(file).length > 10);
  }
});

test('a newer root in the slot bridges a gap in the server’s chain of roots', async () => {
  await findTarget(ports, PATH);
  repository.rotateRoot();
  repository.files.delete('2.root.json');
  repository.rotateRoot();
  repository.keys.timestamp = makeKey();
  repository.publishRoot();
  repository.publish();
  await assert.rejects(findTarget(ports, PATH), refused('METADATA_INVALID', /timestamp was signed by 0\/1/));
  writeFileSync(join(folder, 'root.json'), repository.root);
  await findTarget(ports, PATH);
});

test('weak, foreign and repeated keys in root metadata are refused', async () => {
  const change = (edit: (keys: Record<string, Record<string, unknown>>) => void) => {
    const root = JSON.parse(repository.root.toString());
    edit(root.signed.keys);
    writeFileSync(join(folder, 'root.json'), JSON.stringify(root));
  };
  const id = repository.keys.snapshot.key.keyID;
  change((keys) => Object.assign(keys[id] as object, { keyval: { public: `01${'00'.repeat(31)}` } }));
  await assert.rejects(findTarget(ports, PATH), refused('METADATA_INVALID', /small order/));
  change((keys) => Object.assign(keys[id] as object, { keyval: { public: `ee${'ff'.repeat(30)}7f` } }));
  await assert.rejects(findTarget(ports, PATH), refused('METADATA_INVALID', /canonical/));
  change((keys) => Object.assign(keys[id] as object, { keytype: 'rsa' }));
  await assert.rejects(findTarget(ports, PATH), refused('METADATA_INVALID', /not an Ed25519 key/));
  change((keys) => Object.assign(keys, { again: keys[id] }));
  await assert.rejects(findTarget(ports, PATH), refused('METADATA_INVALID', /listed twice/));
});

test('a target swapped for another release, board or ABI does not fit', async () => {
  const signAs = async (path: string, custom: ReleaseCustom) => {
    repository.addTarget(path, BYTES, custom);
    return findTarget(ports, path);
  };
  const other = await signAs('apps/hello/2.0.0/any.sqfs', appCustom({ name: 'other', version: '2.0.0' }));
  assert.throws(() => requireApp(other, 'hello', '2.0.0', FIT), refused('RELEASE_INCOMPATIBLE', /signed as other/));
  const old = await signAs('apps/hello/2.0.0/any.sqfs', appCustom());
  assert.throws(() => requireApp(old, 'hello', '2.0.0', FIT), refused('RELEASE_INCOMPATIBLE', /as hello 1\.0\.0/));
  assert.throws(() => requireApp(old, 'hello', '1.0.0', FIT), refused('RELEASE_INCOMPATIBLE', /does not stand where/));
  const arm = await signAs('apps/hello/1.0.0/linux-arm64-glibc.sqfs', appCustom({ abi: 'linux-arm64-glibc' }));
  assert.throws(() => requireApp(arm, 'hello', '1.0.0', FIT), refused('RELEASE_INCOMPATIBLE', /linux-arm64-glibc/));
  assert.throws(() => requireSystem(arm, '1.0.0', FIT), refused('RELEASE_INCOMPATIBLE', /not a system/));
  const system: ReleaseCustom = {
    kind: 'system',
    notes: '',
    system: {
      format: 1,
      board: 'raspberrypi3',
      version: '1.1.0',
      buildTime: 1,
      boot: { chain: 'grub', trial: 'kexec' },
      commandLine: '',
      kernelRelease: '6.12',
      nodeVersion: '24.21.0',
      files: {},
    },
  };
  const pi = await signAs('systems/x86_64-usb/1.1.0/slot.img', system);
  assert.throws(() => requireSystem(pi, '1.1.0', FIT), refused('RELEASE_INCOMPATIBLE', /raspberrypi3/));
  assert.throws(
    () => requireSystem(pi, '1.1.0', { manifest: { board: 'raspberrypi3', version: '1.0.0' } }),
    refused('RELEASE_INCOMPATIBLE', /does not stand/),
  );
  assert.throws(() => requireApp(pi, 'hello', '1.0.0', FIT), refused('RELEASE_INCOMPATIBLE', /not an app/));
});

test('a release that needs a newer system than the one that runs does not fit', async () => {
  const needs = (minimumSystem: string) => {
    repository.addTarget('apps/hello/1.0.0/any.sqfs', BYTES, { ...appCustom(), minimumSystem });
    return findTarget(ports, 'apps/hello/1.0.0/any.sqfs');
  };
  const tooOld = refused('RELEASE_INCOMPATIBLE', /needs system 1\.10\.0 or newer, this device runs 1\.1\.0/);
  const newer = await needs('1.10.0');
  assert.throws(() => requireApp(newer, 'hello', '1.0.0', FIT), tooOld);
  for (const minimum of ['1.1.0', '1.1.0-beta.2', '0.9.0'])
    assert.equal(requireApp(await needs(minimum), 'hello', '1.0.0', FIT).name, 'hello');
});
