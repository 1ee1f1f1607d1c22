import assert from 'node:assert/strict';
import {
  answerWith,
  endlessAnswer,
  makeKey,
  type SigningKey,
  signed,
  type TestRepository,
} from '@nodeos/device-agent/src/trust/repository.test-support.ts';
import type { TestDevice } from '@nodeos/device-agent/src/updater/device.test-support.ts';
import { desired, until } from '@nodeos/device-agent/src/updater/device.test-support.ts';
import { Root } from '@tufjs/models';
import type { Attack } from './attack.ts';
import { wantApp, withVictim } from './victim.ts';

/** The newest targets file is replaced by what the attacker makes of it. */
function editTargets(repository: TestRepository, edit: (metadata: SignedJson) => void): void {
  const name = `${repository.versions.targets}.targets.json`;
  const metadata = JSON.parse(String(repository.files.get(name)));
  edit(metadata);
  repository.files.set(name, Buffer.from(JSON.stringify(metadata)));
}

interface SignedJson {
  signed: { targets: Record<string, { length: number }> };
  signatures: { keyid: string; sig: string }[];
}

/** Root metadata in which two of two release keys must sign. */
function twoOfTwo(repository: TestRepository, second: SigningKey): void {
  const { keys, versions } = repository;
  const root = new Root({ version: versions.root, specVersion: '1.0.31', expires: repository.expires.root });
  for (const [role, { key }] of Object.entries(keys)) root.addKey(key, role);
  root.addKey(second.key, 'targets');
  const { targets } = root.roles;
  assert.ok(targets);
  root.roles.targets = Object.assign(targets, { threshold: 2 });
  repository.files.set('2.root.json', signed(Object.assign(root, { version: 2 }), keys.root));
}

const publishNew = (device: TestDevice) => device.publishApp('2.0.0');

export const ON_METADATA: readonly Attack[] = [
  {
    title: 'release without a signature',
    expected: /^METADATA_INVALID: targets was signed by 0\/1/,
    run: () =>
      withVictim((device) => {
        publishNew(device);
        editTargets(device.repository, (metadata) => {
          metadata.signatures = [];
        });
        return wantApp(device);
      }),
  },
  {
    title: 'release signed by a key that the root does not name',
    expected: /^METADATA_INVALID: targets was signed by 0\/1/,
    run: () =>
      withVictim((device) => {
        publishNew(device);
        device.repository.publish(makeKey());
        return wantApp(device);
      }),
  },
  {
    title: 'release signed by one of two keys where two must',
    expected: /^METADATA_INVALID: targets was signed by 1\/2/,
    run: () =>
      withVictim((device) => {
        twoOfTwo(device.repository, makeKey());
        publishNew(device);
        return wantApp(device);
      }),
  },
  {
    title: 'one signature given twice where two keys must sign',
    expected: /^METADATA_INVALID: (targets was signed by 1\/2|.*multiple signatures)/,
    run: () =>
      withVictim((device) => {
        twoOfTwo(device.repository, makeKey());
        publishNew(device);
        editTargets(device.repository, ({ signatures }) =>
          signatures.push({ ...(signatures[0] as SignedJson['signatures'][0]) }),
        );
        return wantApp(device);
      }),
  },
  {
    title: 'description changed after it was signed',
    expected: /^METADATA_INVALID: targets was signed by 0\/1/,
    run: () =>
      withVictim((device) => {
        publishNew(device);
        editTargets(device.repository, ({ signed: { targets } }) => {
          for (const target of Object.values(targets)) target.length += 1;
        });
        return wantApp(device);
      }),
  },
  {
    title: 'rollback: metadata older than the device has seen',
    expected: /^METADATA_ROLLBACK/,
    run: () =>
      withVictim(async (device) => {
        const { repository } = device;
        const old = new Map(repository.files);
        repository.publish();
        device.updater.apply(desired({ hello: '9.9.9' }, null, 'd0', 2));
        await until(
          () => device.updater.updates().some(({ state }) => state === 'failed'),
          'a look at the newer metadata',
        );
        repository.files.clear();
        for (const [name, bytes] of old) repository.files.set(name, bytes);
        return wantApp(device);
      }),
  },
  {
    title: 'freeze: the last valid metadata for ever',
    expected: /^METADATA_EXPIRED/,
    run: () =>
      withVictim((device) => {
        publishNew(device);
        device.repository.expires = { ...device.repository.expires, timestamp: '2026-11-20T00:00:00Z' };
        device.repository.publishTimestamp();
        return wantApp(device);
      }),
  },
  {
    title: 'mix and match: a snapshot that the timestamp does not name',
    expected: /^METADATA_INVALID: .*snapshot/i,
    run: () =>
      withVictim((device) => {
        const { repository } = device;
        const old = repository.files.get(`${repository.versions.snapshot}.snapshot.json`) as Buffer;
        publishNew(device);
        repository.files.set(`${repository.versions.snapshot}.snapshot.json`, old);
        return wantApp(device);
      }),
  },
  {
    title: 'endless metadata',
    expected: /^METADATA_INVALID: .*longer than \d+ bytes/,
    run: () =>
      withVictim((device) => {
        publishNew(device);
        device.http.intercept = (path) => (path.endsWith('.targets.json') ? endlessAnswer() : null);
        return wantApp(device);
      }),
  },
  {
    title: 'metadata that is not JSON',
    expected: /^METADATA_INVALID: .*not JSON/,
    run: () =>
      withVictim((device) => {
        device.http.intercept = (path) =>
          path === '/tuf/timestamp.json' ? answerWith(200, Buffer.from('<html>')) : null;
        return wantApp(device);
      }),
  },
  {
    title: 'new root that the old root key did not sign',
    expected: /^METADATA_INVALID: root was signed by 0\/1/,
    run: () =>
      withVictim((device) => {
        const { repository } = device;
        repository.keys.root = makeKey();
        repository.keys.targets = makeKey();
        repository.versions.root++;
        repository.publishRoot();
        publishNew(device);
        return wantApp(device);
      }),
  },
  {
    title: 'new root that skips a version',
    expected: /^METADATA_INVALID/,
    run: () =>
      withVictim((device) => {
        const { repository } = device;
        const old = repository.keys.root;
        repository.versions.root = 3;
        repository.publishRoot(old);
        repository.files.set('2.root.json', repository.files.get('3.root.json') as Buffer);
        publishNew(device);
        return wantApp(device);
      }),
  },
  {
    title: 'no attack: a new root that the old and the new key signed',
    expected: /^followed/,
    run: () =>
      withVictim(async (device) => {
        device.repository.rotateRoot();
        device.publishApp('1.0.0', 'other');
        device.updater.apply(desired({ hello: '1.0.0', other: '1.0.0' }, null, 'd1', 2));
        await until(() => device.apps.running.has('other'), 'an app signed under the new root');
        return 'followed; a release signed under the new root is installed';
      }),
  },
];
