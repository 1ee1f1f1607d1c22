import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openAuthority } from './authority.ts';
import { makeDeviceKey, makeRequest } from './testing/device-identity.ts';
import { runJudge } from './testing/judge.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';

test('the authority survives a restart, its keys are for the owner only', async (context) => {
  const folder = await temporaryFolder(context);
  const first = await openAuthority(folder);
  await first.serverCertificate(['localhost']);
  assert.equal((await openAuthority(folder)).certificate, first.certificate);
  for (const file of ['ca-key.pem', 'server-key.pem'])
    assert.equal((await stat(join(folder, file))).mode & 0o777, 0o600);
});

test('openssl verifies server and device certificates for their purpose and no other', async (context) => {
  const folder = await temporaryFolder(context);
  const authority = await openAuthority(folder);
  const server = await authority.serverCertificate(['127.0.0.1', 'fleet.example', '::1']);
  const device = await authority.issueDevice(await authority.readRequest(await makeRequest(await makeDeviceKey())));
  await writeFile(join(folder, 'device.pem'), device);
  const verify = (file: string, ...extra: string[]) =>
    runJudge(context, 'openssl', [
      'verify',
      '-x509_strict',
      '-CAfile',
      join(folder, 'ca.pem'),
      ...extra,
      join(folder, file),
    ]);
  const good = await verify('server.pem', '-purpose', 'sslserver', '-verify_ip', '127.0.0.1');
  if (good === null) return;
  assert.equal(good.status, 0, good.output);
  assert.equal((await verify('server.pem', '-purpose', 'sslserver', '-verify_hostname', 'fleet.example'))?.status, 0);
  assert.equal((await verify('device.pem', '-purpose', 'sslclient'))?.status, 0);
  assert.notEqual((await verify('server.pem', '-verify_ip', '10.9.9.9'))?.status, 0);
  assert.notEqual((await verify('device.pem', '-purpose', 'sslserver'))?.status, 0);
  assert.notEqual((await verify('server.pem', '-purpose', 'sslclient'))?.status, 0);
  assert.ok(new X509Certificate(server.cert).validFromDate < new Date('2024-01-02'));
});

test('the server certificate stays while its names fit and is made anew when a name is missing', async (context) => {
  const authority = await openAuthority(await temporaryFolder(context));
  const first = await authority.serverCertificate(['127.0.0.1', 'localhost']);
  assert.equal((await authority.serverCertificate(['localhost'])).cert, first.cert);
  const second = await authority.serverCertificate(['127.0.0.1', 'localhost', '10.0.2.2']);
  assert.notEqual(second.cert, first.cert);
  assert.equal(new X509Certificate(second.cert).checkIP('10.0.2.2'), '10.0.2.2');
});

test('a request must be signed by the key in it', async (context) => {
  const authority = await openAuthority(await temporaryFolder(context));
  const key = await makeDeviceKey();
  const request = await authority.readRequest(await makeRequest(key));
  assert.match(request.deviceId, /^[0-9a-f]{16}$/);
  const lines = (await makeRequest(key)).trim().split('\n');
  const octets = Buffer.from(lines.slice(1, -1).join(''), 'base64');
  octets[octets.length - 3] = (octets.at(-3) as number) ^ 1;
  const forged = `${lines[0]}\n${octets.toString('base64')}\n${lines.at(-1)}`;
  for (const csr of [forged, `${lines[0]}\n${lines.at(-1)}`, `${lines[0]}\nAAAA\n${lines.at(-1)}`])
    await assert.rejects(authority.readRequest(csr), { code: 'INPUT_INVALID' });
});

test('RSA device keys are refused, Ed25519 ones are taken', async (context) => {
  const authority = await openAuthority(await temporaryFolder(context));
  const ed25519 = await makeRequest(generateKeyPairSync('ed25519'));
  const certificate = await authority.issueDevice(await authority.readRequest(ed25519));
  assert.equal(new X509Certificate(certificate).publicKey.asymmetricKeyType, 'ed25519');
  const rsa = await makeRequest(generateKeyPairSync('rsa', { modulusLength: 2048 }));
  await assert.rejects(authority.readRequest(rsa), /neither EC nor Ed25519/);
});
