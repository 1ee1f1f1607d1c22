import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDashboard, shoot, signIn } from './testing/dashboard.ts';
import { makePublisher } from './testing/publish.ts';
import { appTarget, systemTarget } from './testing/release-keys.ts';
import { runServer } from './testing/running-server.ts';

test('groups: one is added by a query that tells whom it fits, its devices come live, and it is edited, by keyboard', async (context) => {
  const running = await runServer(context, undefined, true);
  const page = await openDashboard(context, running);
  if (page === null) return;
  await running.enrolledDevice(['shop'], 'shop-1');
  await running.enrolledDevice(['shop'], 'shop-2');
  const third = await running.enrolledDevice([], 'lobby-3');
  await signIn(page, running);
  await page.getByRole('link', { name: 'Groups' }).click();
  await page.getByText('No groups yet.').waitFor();
  await page.getByRole('button', { name: 'Add a group' }).press('Enter');

  const form = page.getByRole('form', { name: 'Add a group' });
  const query = form.getByLabel('Query');
  await form.getByLabel('Name', { exact: true }).and(page.locator(':focus')).waitFor();
  await page.keyboard.type('Shops');
  await form.getByText('A name has lower-case letters').waitFor();
  await form.getByLabel('Name', { exact: true }).fill('shops');
  await query.fill('  tag:shop and bord = x');
  await form.getByText(/^Column 16: .*bord/).waitFor();
  assert.equal(await query.getAttribute('aria-invalid'), 'true');
  assert.equal(await form.getByRole('button', { name: 'Add', exact: true }).isDisabled(), true);
  await shoot(page, 'group-query-wrong');
  await query.fill('tag:shop');
  await form.getByText('2 devices fit: shop-1, shop-2').waitFor();
  await form.getByLabel('Update these devices in a maintenance window only').press('Space');
  await form.getByText('every day, 02:00 to 04:00, in the local time').waitFor();
  await form.getByLabel('Sat').press('Space');
  await form.getByLabel('Sun').press('Space');
  await form.getByLabel('From').fill('22:00');
  await form.getByLabel('To', { exact: true }).fill('06:00');
  await form.getByText('Sat and Sun, 22:00 to 06:00 the next day').waitFor();
  await form.getByLabel('Named devices').fill('lobby');
  await form.getByRole('button', { name: 'lobby-3' }).waitFor();
  await shoot(page, 'group-form');
  await form.getByLabel('Named devices').fill('');
  await form.getByRole('button', { name: 'Add', exact: true }).press('Enter');

  const panel = page.getByRole('dialog', { name: 'shops' });
  await panel.getByText('Sat and Sun, 22:00 to 06:00 the next day').waitFor();
  const { json: stored } = await running.operator('GET', '/api/v1/groups/shops');
  assert.deepEqual(
    { query: stored.query, devices: stored.devices, window: stored.window, size: stored.size },
    { query: 'tag:shop', devices: [], window: { days: ['sat', 'sun'], from: '22:00', to: '06:00' }, size: 2 },
  );
  const members = panel.getByRole('list', { name: /Devices in it/ });
  assert.deepEqual(await members.getByRole('link').allInnerTexts(), ['shop-1', 'shop-2']);
  await running.operator('PUT', `/api/v1/devices/${third.id}/tags`, { tags: ['shop'] });
  await members.getByRole('link', { name: 'lobby-3' }).waitFor();
  await panel.getByText('3 devices').waitFor();
  await running.operator('PUT', `/api/v1/devices/${third.id}/tags`, { tags: [] });
  await members.getByRole('link', { name: 'lobby-3' }).waitFor({ state: 'detached' });

  await panel.getByRole('button', { name: 'Edit' }).press('Enter');
  const change = page.getByRole('form', { name: 'Edit shops' });
  await change.getByLabel('Query').fill('name = shop-1');
  await change.getByText('1 device fits: shop-1').waitFor();
  await change.getByLabel('Named devices').fill('lobby');
  await page.keyboard.press('Enter');
  await change.getByRole('button', { name: 'Do not name lobby-3' }).waitFor();
  await change.getByLabel('Update these devices in a maintenance window only').press('Space');
  await change.getByRole('button', { name: 'Save' }).press('Enter');
  await panel.getByText('at any time').waitFor();
  await members.getByText('named').waitFor();
  await shoot(page, 'group');
  const { json: changed } = await running.operator('GET', '/api/v1/groups/shops');
  assert.deepEqual([changed.query, changed.devices, changed.window], ['name = shop-1', [third.id], null]);
  await page.keyboard.press('Escape');
  await page.getByRole('row', { name: /shops name = shop-1 and 1 named device 2 at any time/ }).waitFor();
});

test('groups: one is not added over another, nor removed while a deployment goes to it', async (context) => {
  const running = await runServer(context, undefined, true);
  const page = await openDashboard(context, running);
  if (page === null) return;
  await running.enrolledDevice(['shop'], 'shop-1');
  const window = { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '02:00', to: '04:00' };
  await running.operator('PUT', '/api/v1/groups/shops', { query: 'tag:shop', devices: [], window });
  await running.operator('PUT', '/api/v1/groups/tests', { query: 'tag:test', devices: [], window: null });
  const publisher = await makePublisher(running);
  const target = await appTarget('hello', '1.0.0', 'the bundle');
  await publisher.publish(target, 'the bundle');
  const body = { target: target.path, to: { group: 'shops' } };
  const { id: deployment } = (await running.operator('POST', '/api/v1/deployments', body)).json;
  await signIn(page, running);
  await page.getByRole('link', { name: 'Groups' }).click();
  const shops = page.getByRole('row', { name: /shops tag:shop 1 Mon to Fri, 02:00 to 04:00/ });
  await shops.waitFor();
  await shoot(page, 'groups');

  await page.getByRole('button', { name: 'Add a group' }).click();
  await page.getByLabel('Name', { exact: true }).fill('tests');
  await page.getByText('There is a group tests already.').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Add', exact: true }).isDisabled(), true);
  await page.getByRole('button', { name: 'Cancel' }).click();

  await shops.getByRole('link', { name: 'shops' }).click();
  await page.getByRole('dialog').getByRole('link', { name: 'hello 1.0.0' }).waitFor();
  await page.keyboard.press('Escape');
  const remove = async (): Promise<void> => {
    await shops.getByRole('button', { name: 'Remove' }).click();
    await shops.getByRole('group', { name: 'Remove the group shops?' }).getByRole('button', { name: 'Remove' }).click();
  };
  await remove();
  await page.getByText(`deployment ${deployment} goes to the group shops`).waitFor();
  await page.getByText('Abort the deployment first').waitFor();
  assert.equal((await running.operator('GET', '/api/v1/groups/shops')).status, 200);
  await running.operator('POST', `/api/v1/deployments/${deployment}/abort`, { turnBack: true });
  await remove();
  await shops.waitFor({ state: 'detached' });
  assert.equal((await running.operator('GET', '/api/v1/groups/shops')).status, 404);
});

test('groups: a viewer sees them and changes none', async (context) => {
  const running = await runServer(context, undefined, true);
  const page = await openDashboard(context, running);
  if (page === null) return;
  const password = 'correct horse battery';
  await running.enrolledDevice(['shop'], 'shop-1');
  await running.operator('PUT', '/api/v1/groups/shops', { query: 'tag:shop', devices: [], window: null });
  await running.operator('POST', '/api/v1/users', { name: 'bob', password, role: 'viewer' });
  await page.reload();
  await page.getByLabel('Name').fill('bob');
  await page.getByLabel('Password').fill(password);
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'Groups' }).click();
  await page.getByRole('row', { name: /shops tag:shop 1/ }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Add a group' }).count(), 0);
  assert.equal(await page.getByRole('button', { name: 'Remove' }).count(), 0);
  await page.getByRole('link', { name: 'shops' }).click();
  const panel = page.getByRole('dialog', { name: 'shops' });
  await panel.getByRole('link', { name: 'shop-1' }).waitFor();
  assert.equal(await panel.getByRole('button', { name: 'Edit' }).count(), 0);
  await shoot(page, 'group-viewer');
});

test('pins: a device keeps a release whatever is deployed, until the pin is taken off', async (context) => {
  const running = await runServer(context, undefined, true);
  const page = await openDashboard(context, running);
  if (page === null) return;
  const password = 'correct horse battery';
  const device = await running.enrolledDevice(['kiosk'], 'kiosk-1');
  const publisher = await makePublisher(running);
  const first = await appTarget('hello', '1.0.0', 'hello 1');
  await publisher.publish(first, 'hello 1');
  const system = systemTarget('x86_64-usb', '1.2.0', 'system');
  await publisher.publish(system, 'system');
  await publisher.publish(systemTarget('raspberrypi4', '1.2.0', 'other'), 'other');
  const pinsNow = async () => (await running.operator('GET', `/api/v1/devices/${device.id}`)).json.pins;
  await signIn(page, running);
  await page.getByRole('link', { name: 'kiosk-1' }).click();
  const panel = page.getByRole('dialog', { name: 'kiosk-1' });
  const pins = panel.getByRole('region', { name: 'Pinned releases' });
  await pins.getByRole('button', { name: 'Pin a release' }).press('Enter');
  const choice = pins.getByLabel('Release to keep whatever is deployed');
  const offered = (await choice.getByRole('option').allInnerTexts()).map((text) => text.trim());
  assert.deepEqual(offered.slice(1).sort(), ['hello 1.0.0', 'x86_64-usb 1.2.0']);
  await choice.selectOption(first.path);
  await pins.getByRole('button', { name: 'Pin', exact: true }).press('Enter');
  await pins.getByText('hello').waitFor();
  assert.deepEqual(await pinsNow(), { hello: first.path });
  await pins.getByRole('button', { name: 'Pin a release' }).click();
  await choice.selectOption(system.path);
  await pins.getByRole('button', { name: 'Pin', exact: true }).click();
  await pins.getByText('x86_64-usb').waitFor();
  assert.deepEqual(await pinsNow(), { hello: first.path, system: system.path });
  await shoot(page, 'pins');

  await running.operator('POST', '/api/v1/users', { name: 'bob', password, role: 'viewer' });
  await pins.getByRole('listitem').filter({ hasText: 'hello' }).getByRole('button', { name: 'Unpin' }).click();
  await pins.getByRole('group').getByRole('button', { name: 'Unpin' }).press('Enter');
  await pins.getByText('hello').waitFor({ state: 'detached' });
  assert.deepEqual(await pinsNow(), { system: system.path });

  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Name').fill('bob');
  await page.getByLabel('Password').fill(password);
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'kiosk-1' }).click();
  await pins.getByText('x86_64-usb').waitFor();
  assert.equal(await pins.getByRole('button').count(), 0);
});
