import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { openAuthority } from '../authority.ts';
import { runServer } from '../testing/running-server.ts';
import type { DeviceIdentity } from '../testing/server-clients.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';

test('a server answers the questions of its broker, and of nobody else', async (context) => {
  const running = await runServer(context);
  const device = await running.enrolledDevice();
  const brokerOf = async (keys: string): Promise<DeviceIdentity> => {
    const { key, cert } = await (await openAuthority(keys)).brokerCertificate(['broker.example']);
    return { ...device, keyPem: key, certificate: cert };
  };
  const broker = await brokerOf(join(running.dataDir, 'keys'));
  const ask = (by: DeviceIdentity | null, form = `username=${device.id}`, type = 'application/x-www-form-urlencoded') =>
    running.device(by, 'POST', '/broker/v1/rabbitmq/user', form, { 'content-type': type });

  const answer = await ask(broker);
  assert.deepEqual([answer.status, answer.text], [200, 'allow']);
  assert.equal((await ask(broker, `username=${device.id}&password=x`)).text, 'deny');
  assert.equal((await ask(broker, '{}', 'application/json')).status, 400);
  for (const stranger of [null, device, await brokerOf(await temporaryFolder(context))])
    assert.equal((await ask(stranger)).status, 401);
  // The broker is no device for that.
  assert.equal((await running.device(broker, 'GET', '/device/v1/desired')).status, 401);

  await running.operator('POST', `/api/v1/devices/${device.id}/revoke`);
  assert.equal((await ask(broker)).text, 'deny');
});
