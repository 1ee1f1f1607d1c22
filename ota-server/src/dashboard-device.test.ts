import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { connectAsync } from 'mqtt';
import { openDashboard, shoot, signIn } from './testing/dashboard.ts';
import { deviceReport, runServer } from './testing/running-server.ts';
import { until } from './testing/until.ts';

const GEOMETRY = { width: 64, height: 36, bitsPerPixel: 32, strideBytes: 256 } as const;
/** Each dot of the one colour. */
const frame = (blue: number, green: number, red: number): string =>
  deflateSync(Buffer.from(Array.from({ length: 64 * 36 }, () => [blue, green, red, 0]).flat())).toString('base64');

test('a device’s panel: its hardware, its screen as often as one looks, and its way out of the fleet', async (context) => {
  const running = await runServer(context, undefined, true);
  const page = await openDashboard(context, running);
  if (page === null) return;
  const device = await running.enrolledDevice(['kiosk'], '100000003d1f');
  const network = [{ name: 'eth0', mac: '02:00:00:00:00:07' }];
  const storage = { totalKiB: 1_048_576, freeKiB: 524_288 };
  const inventory = { serial: '100000003d1f', timeZone: 'Europe/Berlin', kernel: '6.12.9', nodeVersion: '24.1.0' };
  await running.device(
    device,
    'POST',
    '/device/v1/report',
    deviceReport({ screen: { kiosk: 'menu', blankSince: null }, inventory: { ...inventory, storage, network } }),
  );
  const client = await connectAsync(running.server.addresses.mqtt.url, {
    ...{ protocolVersion: 4, clientId: device.id, ca: running.ca, cert: device.certificate, key: device.keyPem },
  });
  context.after(() => client.endAsync(true));
  const told: string[] = [];
  client.on('message', (_topic, payload) => told.push(JSON.parse(payload.toString()).request));
  await client.subscribeAsync(`nodeos/${device.id}/tell`, { qos: 1 });

  await signIn(page, running);
  await page.locator(`tr[data-device="${device.id}"]`).getByRole('link').click();
  const panel = page.getByRole('dialog');
  for (const fact of ['Europe/Berlin', '6.12.9', '24.1.0', '02:00:00:00:00:07'])
    await panel.getByRole('definition').getByText(fact, { exact: true }).waitFor();

  const screen = panel.getByRole('region', { name: 'Screen' });
  const answer = async (number: number, body: object): Promise<void> => {
    await until('the device to be asked', () => told.length === number);
    await running.device(device, 'POST', `/device/v1/screenshots/${told[number - 1]}`, body);
  };
  await screen.getByText('menu has it.').waitFor();
  await screen.getByRole('button', { name: 'Look' }).press('Enter');
  await answer(1, { state: 'taken', geometry: GEOMETRY, frame: frame(0, 128, 255) });
  const picture = screen.getByRole('img', { name: /^Screen of / });
  await picture.waitFor();
  const seen = () =>
    page.evaluate<number[]>(`(() => {
      const image = document.querySelector('img.screen');
      const canvas = document.createElement('canvas');
      canvas.width = image.naturalWidth;
      canvas.height = image.naturalHeight;
      const context = canvas.getContext('2d');
      context.drawImage(image, 0, 0);
      return [image.naturalWidth, image.naturalHeight, ...context.getImageData(5, 5, 1, 1).data];
    })()`);
  assert.deepEqual(await seen(), [64, 36, 255, 128, 0, 255]);
  await picture.scrollIntoViewIfNeeded();
  await shoot(page, 'device-screen');
  await screen.getByRole('button', { name: 'Look again' }).press('Enter');
  await answer(2, { state: 'none', reason: 'the screen is off' });
  await screen.getByRole('alert').getByText('the screen is off').waitFor();

  await panel.getByRole('button', { name: 'Revoke' }).press('Enter');
  await panel
    .getByRole('group', { name: /For good/ })
    .getByRole('button', { name: 'Revoke' })
    .press('Enter');
  await panel.getByRole('button', { name: 'Remove', exact: true }).press('Enter');
  await panel
    .getByRole('group', { name: /its history/ })
    .getByRole('button', { name: 'Remove' })
    .press('Enter');
  await panel.waitFor({ state: 'detached' });
  await page.getByText('No devices yet').waitFor();
  assert.equal((await running.operator('GET', `/api/v1/devices/${device.id}`)).status, 404);
});

test('who may only look sees a device without what would change it', async (context) => {
  const running = await runServer(context, undefined, true);
  const page = await openDashboard(context, running);
  if (page === null) return;
  const device = await running.enrolledDevice(['kiosk'], 'looked-at');
  const user = { name: 'eve', password: 'correct horse battery', role: 'viewer' };
  assert.equal((await running.operator('POST', '/api/v1/users', user)).status, 200);
  await page.reload();
  await page.getByLabel('Name').fill(user.name);
  await page.getByLabel('Password').fill(user.password);
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: /^Devices/ }).click();
  const row = page.locator(`tr[data-device="${device.id}"]`);
  await row.getByRole('link').click();
  const panel = page.getByRole('dialog');
  await panel.getByText('kiosk', { exact: true }).waitFor();
  assert.equal(await panel.getByRole('button', { name: /Revoke|Remove|Reboot|Identify/ }).count(), 0);
  assert.equal(await panel.getByLabel('Add a tag').count(), 0);
  assert.equal(await page.getByRole('checkbox').count(), 0);
});
