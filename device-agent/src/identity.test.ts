import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DEVICE_RECORD_OFFSETS } from '@nodeos/contracts/device-record.ts';
import { certificationRequest } from './csr.ts';
import { loadCredentials, loadIdentity } from './identity.ts';

async function folderWithMedium(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-identity-'));
  t.after(() => rm(folder, { recursive: true }));
  const medium = join(folder, 'disk');
  await writeFile(medium, '');
  await truncate(medium, 4 * 1024 * 1024);
  return { folder, medium };
}

async function damage(medium: string, offset: number): Promise<void> {
  const file = await open(medium, 'r+');
  await file.write(Buffer.alloc(512, 0xff), 0, 512, offset);
  await file.close();
}

test('the identity made at the first boot is the identity of every boot', async (t) => {
  const { folder, medium } = await folderWithMedium(t);
  const first = await loadIdentity(medium, folder);
  const second = await loadIdentity(medium, folder);
  assert.match(first.serial, /^[0-9a-f]{16}$/);
  assert.equal(second.serial, first.serial);
  assert.ok(second.privateKey.equals(first.privateKey));
});

test('either copy of the device record is enough; without both there is a new identity', async (t) => {
  const { folder, medium } = await folderWithMedium(t);
  const { serial } = await loadIdentity(medium, folder);
  await damage(medium, DEVICE_RECORD_OFFSETS[0]);
  assert.equal((await loadIdentity(medium, folder)).serial, serial);
  await damage(medium, DEVICE_RECORD_OFFSETS[1]);
  assert.equal((await loadIdentity(medium, folder)).serial, serial, 'the first copy was mended');
  await damage(medium, DEVICE_RECORD_OFFSETS[0]);
  await damage(medium, DEVICE_RECORD_OFFSETS[1]);
  assert.notEqual((await loadIdentity(medium, folder)).serial, serial);
});

test('a medium that cannot be written is named', async () => {
  await assert.rejects(loadIdentity('/proc/version', '/nonexistent'), { code: 'IDENTITY_INVALID', message: /proc/ });
});

test('without a disk the identity lies in the state folder', async (t) => {
  const { folder } = await folderWithMedium(t);
  const { serial } = await loadIdentity(null, folder);
  assert.equal((await loadIdentity(null, folder)).serial, serial);
});

test('openssl accepts the certification request and finds the name and the key in it', (t) => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const request = certificationRequest('0123456789abcdef', privateKey);
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
  } catch {
    t.skip('openssl is not installed');
    return;
  }
  const text = execFileSync('openssl', ['req', '-verify', '-noout', '-text'], {
    input: request,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  assert.match(text, /Subject: CN ?= ?0123456789abcdef/);
  assert.match(text, /NIST CURVE: P-256/);
  assert.match(text, /ecdsa-with-SHA256/);
});

test('a certificate for another key, of another authority or expired is not used', async (t) => {
  const { folder } = await folderWithMedium(t);
  const identity = await loadIdentity(null, folder);
  const key = join(folder, 'key.pem');
  const cert = join(folder, 'identity/cert.pem');
  await writeFile(key, identity.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  execFileSync('openssl', ['req', '-x509', '-key', key, '-subj', '/CN=device-7', '-days', '2', '-out', cert]);
  await writeFile(join(folder, 'identity/ca.pem'), 'authority');
  const load = (ca: string, now: number) => loadCredentials(folder, identity, ca, now);
  assert.equal((await load('authority', Date.now()))?.deviceId, 'device-7');
  assert.equal(await load('another', Date.now()), null);
  assert.equal(await load('authority', Date.now() + 3 * 86_400_000), null);
  const other = { ...identity, privateKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey };
  assert.equal(await loadCredentials(folder, other, 'authority', Date.now()), null);
});
