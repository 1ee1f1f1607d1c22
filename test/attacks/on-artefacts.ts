import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { appManifest } from '@nodeos/contracts/app-manifest.testing.ts';
import { appTargetPath, systemTargetPath } from '@nodeos/contracts/release.ts';
import { answerWith, endlessAnswer } from '@nodeos/device-agent/src/trust/repository.test-support.ts';
import { desired, type TestDevice, until } from '@nodeos/device-agent/src/updater/device.test-support.ts';
import { slotImage } from '@nodeos/device-agent/src/updater/slot-image.test-support.ts';
import type { Attack } from './attack.ts';
import { reasonFor, wantApp, wantSystem, withVictim } from './victim.ts';

const OTHER_BYTES = Buffer.alloc(120_000, 'evil');

/** The server sends other bytes than were published, from the given one on. */
function swapBytes(device: TestDevice, from = 0): void {
  device.http.intercept = (path, headers) => {
    if (!path.startsWith('/targets/')) return null;
    const genuine = device.repository.blobs.get(path.slice('/targets/'.length)) as Buffer;
    const sent = Buffer.concat([genuine.subarray(0, from), OTHER_BYTES]).subarray(0, genuine.length);
    const start = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
    const range = { 'content-range': `bytes ${start}-${sent.length - 1}/${sent.length}` };
    return answerWith(start > 0 ? 206 : 200, sent.subarray(start), start > 0 ? range : {});
  };
}

export const ON_ARTEFACTS: readonly Attack[] = [
  {
    title: 'other bytes than were signed, of the same length',
    expected: /^HASH_MISMATCH/,
    run: () =>
      withVictim((device) => {
        device.publishApp('2.0.0');
        swapBytes(device);
        return wantApp(device);
      }),
  },
  {
    title: 'genuine bytes first, other ones after a broken connection',
    expected: /^HASH_MISMATCH/,
    run: () =>
      withVictim(async (device) => {
        device.publishApp('2.0.0');
        let asked = 0;
        swapBytes(device, 60_000);
        const { intercept } = device.http;
        device.http.intercept = (path, headers) => {
          if (path.startsWith('/targets/') && asked++ === 0) {
            const genuine = device.repository.blobs.get(path.slice('/targets/'.length)) as Buffer;
            return answerWith(200, genuine.subarray(0, 60_000), { 'content-length': String(genuine.length) });
          }
          return intercept(path, headers);
        };
        await wantApp(device);
        await until(() => device.updater.updates().some(({ state }) => state === 'failed'), 'the end of it');
        return reasonFor(device, '2.0.0');
      }),
  },
  {
    title: 'endless bytes',
    expected: /^LENGTH_MISMATCH/,
    run: () =>
      withVictim((device) => {
        device.publishApp('2.0.0');
        device.http.intercept = (path) => (path.startsWith('/targets/') ? endlessAnswer() : null);
        return wantApp(device);
      }),
  },
  {
    title: 'compressed bytes that unpack to more',
    expected: /^FETCH_FAILED: .*encoded as gzip/,
    run: () =>
      withVictim((device) => {
        device.publishApp('2.0.0');
        device.http.intercept = (path) =>
          path.startsWith('/targets/') ? answerWith(200, OTHER_BYTES, { 'content-encoding': 'gzip' }) : null;
        return wantApp(device);
      }),
  },
  {
    title: 'redirect to another server',
    expected: /^FETCH_FAILED: .*answered 302/,
    run: () =>
      withVictim(async (device) => {
        device.publishApp('2.0.0');
        device.http.intercept = (path) =>
          path.startsWith('/targets/')
            ? answerWith(302, Buffer.alloc(0), { location: 'https://evil.example/x' })
            : null;
        const answer = await wantApp(device);
        assert.ok(
          device.http.requests.every((path) => !path.includes('evil')),
          'the redirect was followed',
        );
        return `${answer}, not followed`;
      }),
  },
  {
    title: 'system release of another board',
    expected: /^RELEASE_INCOMPATIBLE: .*raspberrypi3/,
    run: () =>
      withVictim((device) => {
        const image = slotImage('1.1.0', device.repository.root, { board: 'raspberrypi3' });
        device.repository.addTarget(systemTargetPath('x86_64-usb', '1.1.0'), image.bytes, {
          kind: 'system',
          system: image.manifest,
          notes: '',
        });
        return wantSystem(device);
      }),
  },
  {
    title: 'app built for another processor',
    expected: /^RELEASE_INCOMPATIBLE: .*built for linux-arm-glibc/,
    run: () =>
      withVictim((device) => {
        device.repository.addTarget(appTargetPath('hello', '2.0.0', 'any'), OTHER_BYTES, {
          kind: 'app',
          app: appManifest('2.0.0', { abi: 'linux-arm-glibc' }),
          notes: '',
        });
        return wantApp(device);
      }),
  },
  {
    title: 'signed release of another app under this app’s name',
    expected: /^RELEASE_INCOMPATIBLE: .*signed as other/,
    run: () =>
      withVictim((device) => {
        device.repository.addTarget(appTargetPath('hello', '2.0.0', 'any'), OTHER_BYTES, {
          kind: 'app',
          app: appManifest('2.0.0', { name: 'other' }),
          notes: '',
        });
        return wantApp(device);
      }),
  },
  {
    title: 'slot image whose own manifest is not the signed one',
    expected: /^RELEASE_INCOMPATIBLE: the manifest in the slot image/,
    run: () =>
      withVictim((device) => {
        const image = device.makeSystem('1.1.0');
        device.repository.addTarget(systemTargetPath('x86_64-usb', '1.1.0'), image.bytes, {
          kind: 'system',
          system: { ...image.manifest, commandLine: 'init=/bin/evil' },
          notes: '',
        });
        return wantSystem(device);
      }),
  },
  {
    title: 'kernel in the slot swapped between check and use',
    expected: /^HASH_MISMATCH: kernel in .* is not the one of its manifest/,
    run: () =>
      withVictim((device) => {
        device.publishSystem('1.1.0');
        const { status } = device.apps;
        // The trial asks for the apps' states after the slot was verified and before its kernel is loaded.
        device.apps.status = () => {
          const path = join(device.folder, 'slot-b');
          const bytes = readFileSync(path);
          const at = bytes.indexOf('kernel 1.1.0 ');
          if (at >= 0)
            writeFileSync(path, Buffer.concat([bytes.subarray(0, at), Buffer.from('evil'), bytes.subarray(at + 4)]));
          return status.call(device.apps);
        };
        return wantSystem(device);
      }),
  },
  {
    title: 'bundle laid on the data partition under the name of the wanted one',
    expected: /^replaced/,
    run: () =>
      withVictim(async (device) => {
        device.publishApp('1.0.0', 'other');
        const path = [...device.repository.blobs.keys()].find((name) => name.includes('apps/other/')) as string;
        const sha256 = /([0-9a-f]{64})\./.exec(path)?.[1];
        const file = join(device.stateDir, 'bundles', `${sha256}.sqfs`);
        mkdirSync(join(file, '..'), { recursive: true });
        writeFileSync(file, OTHER_BYTES);
        device.updater.apply(desired({ hello: '1.0.0', other: '1.0.0' }, null, 'd1', 2));
        await until(() => device.apps.running.has('other'), 'the app');
        assert.ok(readFileSync(file).equals(device.repository.blobs.get(path) as Buffer), 'the planted bundle runs');
        return 'replaced: what lies there is hashed before it is used, and fetched anew';
      }),
  },
];
