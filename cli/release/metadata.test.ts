import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { appManifest } from '@nodeos/contracts/app-manifest.testing.ts';
import type { ReleaseCustom } from '@nodeos/contracts/release.ts';
import type { Metadata, Root } from '@tufjs/models';
import { addTarget, createRoot, moveTarget, parseRoot, parseTargets } from './metadata.ts';
import { createSigningKey, readSigningKey, type SigningKey, tufKey } from './signing-key.ts';

const NOW = new Date('2026-01-02T03:04:05.678Z');
const target = {
  path: 'apps/hello/1.0.0/any.sqfs',
  bytes: 4096,
  sha256: 'a'.repeat(64),
  custom: {
    kind: 'app',
    app: appManifest('1.0.0', { soakMs: 3000 }),
    notes: 'with "quotes" and \\ and ü',
  } satisfies ReleaseCustom,
};

let folder: string;
let keys: { root: SigningKey; targets: SigningKey; other: SigningKey };
let root: Metadata<Root>;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeos-keys-'));
  const [rootKey, targets, other] = await Promise.all(
    ['r', 't', 'o'].map((name) => createSigningKey(join(folder, name))),
  );
  keys = { root: rootKey as SigningKey, targets: targets as SigningKey, other: other as SigningKey };
  root = createRoot({ ...keys, online: { snapshot: '11'.repeat(32), timestamp: '22'.repeat(32) } }, NOW);
});
after(() => rm(folder, { recursive: true, force: true }));

describe('signing keys', () => {
  it('are readable for their owner only and come back the same', async () => {
    assert.equal((await stat(join(folder, 'r'))).mode & 0o777, 0o600);
    assert.equal((await readSigningKey(join(folder, 'r'))).publicKey.keyID, keys.root.publicKey.keyID);
  });

  it('are never overwritten', async () => {
    const before = await readFile(join(folder, 'r'));
    await assert.rejects(createSigningKey(join(folder, 'r')), { code: 'KEY_EXISTS' });
    assert.deepEqual(await readFile(join(folder, 'r')), before);
  });

  it('are refused where they are missing or something else', async () => {
    await assert.rejects(readSigningKey(join(folder, 'none')), { code: 'KEY_MISSING' });
    await writeFile(join(folder, 'text'), 'no key');
    await assert.rejects(readSigningKey(join(folder, 'text')), { code: 'INPUT_INVALID' });
  });

  it('have the hash of their canonical form as id', () => {
    // sha256sum of {"keytype":"ed25519","keyval":{"public":"00…00"},"scheme":"ed25519"}
    assert.equal(tufKey('00'.repeat(32)).keyID, '7f7373360bc914a5d4a7bd87711615178beb6cf52494fcc49082ec65ba62908c');
  });
});

describe('createRoot', () => {
  it('names one key a role, uses consistent snapshots and holds for ten years', () => {
    const { signed } = root;
    assert.deepEqual(Object.keys(signed.roles).sort(), ['root', 'snapshot', 'targets', 'timestamp']);
    assert.deepEqual(signed.roles.targets?.keyIDs, [keys.targets.publicKey.keyID]);
    assert.equal(signed.consistentSnapshot, true);
    assert.equal(signed.expires, '2036-01-02T03:04:05Z');
    assert.equal(signed.version, 1);
  });

  it('survives being written and read, and not being changed', () => {
    const text = JSON.stringify(root.toJSON());
    assert.equal(parseRoot(text, 'root.json').signed.version, 1);
    assert.throws(() => parseRoot(text.replace('2036', '2037'), 'root.json'), { code: 'METADATA_INVALID' });
    assert.throws(() => parseRoot('{}', 'root.json'), { code: 'METADATA_INVALID' });
  });
});

describe('addTarget', () => {
  it('makes version 1 and then the next, keeping what was there', () => {
    const first = addTarget(null, target, root, keys.targets, NOW);
    assert.ok(first);
    assert.equal(first.signed.version, 1);
    assert.equal(first.signed.expires, '2027-01-02T03:04:05Z');
    const read = parseTargets(JSON.stringify(first.toJSON()), root, 'targets.json');
    const second = addTarget(read, { ...target, path: 'apps/hello/2.0.0/any.sqfs' }, root, keys.targets, NOW);
    assert.ok(second);
    assert.equal(second.signed.version, 2);
    assert.deepEqual(Object.keys(second.signed.targets).sort(), [
      'apps/hello/1.0.0/any.sqfs',
      'apps/hello/2.0.0/any.sqfs',
    ]);
    assert.deepEqual(second.signed.targets[target.path]?.custom, target.custom);
    root.verifyDelegate('targets', second);
  });

  it('changes nothing for the same bytes and refuses others', () => {
    const first = addTarget(null, target, root, keys.targets, NOW);
    assert.equal(addTarget(first, target, root, keys.targets, NOW), null);
    assert.throws(() => addTarget(first, { ...target, sha256: 'b'.repeat(64) }, root, keys.targets, NOW), {
      code: 'RELEASE_EXISTS',
    });
  });

  it('refuses a key that the root does not name', () => {
    assert.throws(() => addTarget(null, target, root, keys.other, NOW), { code: 'SIGNATURE_INVALID' });
  });
});

describe('moveTarget', () => {
  const move = (channel: string | null, custom: ReleaseCustom = target.custom) => {
    const first = addTarget(null, { ...target, custom }, root, keys.targets, NOW);
    assert.ok(first);
    return moveTarget(first, target.path, channel, root, keys.targets, NOW);
  };

  it('signs the next version with another channel and nothing else changed', () => {
    const moved = move('beta');
    assert.ok(moved);
    root.verifyDelegate('targets', moved);
    assert.equal(moved.signed.version, 2);
    const file = moved.signed.targets[target.path];
    assert.deepEqual(file?.custom, { ...target.custom, channel: 'beta' });
    assert.equal(file?.hashes.sha256, target.sha256);
    const back = move(null, { ...target.custom, channel: 'beta' });
    assert.deepEqual(back?.signed.targets[target.path]?.custom, target.custom);
  });

  it('changes nothing where the channel is the same, and knows what is published', () => {
    assert.equal(move(null), null);
    const empty = addTarget(null, { ...target, path: 'apps/other/1.0.0/any.sqfs' }, root, keys.targets, NOW);
    assert.ok(empty);
    assert.throws(() => moveTarget(empty, target.path, null, root, keys.targets, NOW), { code: 'RELEASE_UNKNOWN' });
  });
});

describe('parseTargets', () => {
  it('refuses a list that the release key has not signed: it must not be signed again', () => {
    const text = JSON.stringify(addTarget(null, target, root, keys.targets, NOW)?.toJSON());
    assert.throws(() => parseTargets(text.replace('"length":4096', '"length":4097'), root, 'targets.json'), {
      code: 'SIGNATURE_INVALID',
    });
    assert.throws(() => parseTargets('[]', root, 'targets.json'), { code: 'METADATA_INVALID' });
  });
});
