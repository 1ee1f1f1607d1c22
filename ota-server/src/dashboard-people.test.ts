import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDashboard, shoot, signIn } from './testing/dashboard.ts';
import { makeDeviceKey, makeRequest } from './testing/device-identity.ts';
import { enrolment, runServer } from './testing/running-server.ts';

test('people: the first user is made with the operator token, signs in by keyboard, makes a token and finds all of it in the audit log', async (context) => {
  const running = await runServer(context, undefined, true);
  const page = await openDashboard(context, running);
  if (page === null) return;
  await signIn(page, running);
  await page.getByRole('link', { name: 'People' }).click();
  await page.getByText('No users yet').waitFor();
  const form = page.getByRole('form', { name: 'Add a user' });
  await form.getByLabel('Name').fill('ada');
  await form.getByLabel('Role').selectOption('admin');
  await form.getByRole('button', { name: 'Add' }).press('Enter');
  const made = page.getByText('The password of ada, shown once');
  const password = (await made.locator('code').textContent()) as string;
  assert.match(password, /^[a-z2-9]{20}$/);
  await page.getByRole('button', { name: 'Sign out' }).click();

  await page.getByLabel('Password').fill('wrong');
  await page.getByLabel('Name').fill('ada');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('The name or the password is wrong').waitFor();
  await shoot(page, 'login-password', true);
  await page.getByLabel('Name').focus();
  await page.keyboard.press('Tab');
  await page.keyboard.type(password);
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type(password);
  await page.keyboard.press('Enter');
  await page.getByText('You are ada, admin of main').waitFor();

  await page.getByLabel('What the token is for').fill('nightly report');
  await page.getByRole('button', { name: 'Make' }).click();
  const secret = await page.getByText('The token, shown once').locator('code').textContent();
  const answer = await running.operator('GET', '/api/v1/devices', undefined, { authorization: `Bearer ${secret}` });
  assert.equal(answer.status, 200);
  const row = page.getByRole('row', { name: /nightly report/ });
  await row.getByText('read', { exact: true }).waitFor();
  await shoot(page, 'people', true);
  await row.getByRole('button', { name: 'Revoke' }).click();
  await row.getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('No API tokens yet').waitFor();

  await page.getByRole('link', { name: 'Audit' }).click();
  await page.getByRole('row', { name: /ada .* DELETE \/tokens/ }).waitFor();
  await page.getByRole('row', { name: /operator token .* POST \/users accepted/ }).waitFor();
  await page.getByRole('button', { name: 'Check the chain' }).click();
  await page.getByText(/The chain is whole: \d+ entries/).waitFor();
  await page.getByLabel('Only by').fill('ada');
  await page.getByRole('row', { name: /POST \/users/ }).waitFor({ state: 'detached' });
  await shoot(page, 'audit', true);
  assert.doesNotMatch(await page.content(), new RegExp(password));
});

test('provisioning: a device that waits is approved; claim tokens and serial numbers are made and ended', async (context) => {
  const running = await runServer(context, undefined, true);
  const page = await openDashboard(context, running);
  if (page === null) return;
  await signIn(page, running);
  await page.getByRole('link', { name: 'Provisioning' }).click();
  await page.getByText('None yet. A device needs one').waitFor();
  const form = page.getByRole('form', { name: 'Make a claim token' });
  await form.getByLabel('Devices, empty for any number').fill('3');
  await form.getByLabel('Tags of the devices').fill('kiosk berlin');
  await form.getByRole('button', { name: 'Make' }).click();
  const row = page.getByRole('table', { name: 'Claim tokens' }).getByRole('row', { name: /\d of 3/ });
  const token = (await row.locator('code').textContent()) as string;
  const csr = await makeRequest(await makeDeviceKey());
  await running.device(null, 'POST', '/device/v1/enrol', { ...enrolment(csr, token), serial: 'lobby-7' });
  await page.getByRole('button', { name: 'Approve lobby-7' }).click();
  await page.getByText('No device waits.').waitFor();
  await page
    .getByRole('table', { name: 'Claim tokens' })
    .getByRole('row', { name: /1 of 3/ })
    .waitFor();
  await page.getByLabel(/Comma-separated values/).fill('serial,tags,approve\nS-9,kiosk,yes');
  await page.getByRole('button', { name: 'Register' }).click();
  await page.getByRole('row', { name: /S-9 kiosk yes not yet/ }).waitFor();
  await page.getByLabel(/Comma-separated values/).fill('serial\nS 9');
  await page.getByRole('button', { name: 'Register' }).click();
  await page.getByText(/registrations, line 2/).waitFor();
  await shoot(page, 'provisioning', true);
  await page.getByRole('button', { name: 'Remove S-9' }).click();
  await page.getByText('None. Devices can come with a claim token alone.').waitFor();
  await row.getByRole('button', { name: 'End' }).click();
  await row.getByRole('button', { name: 'End' }).click();
  await page.getByText('None yet. A device needs one').waitFor();
});

test('a viewer of two fleets sees one at a time, and no page that is not for viewers', async (context) => {
  const running = await runServer(context, undefined, true);
  const page = await openDashboard(context, running);
  if (page === null) return;
  const password = 'correct horse battery';
  const north = { 'nodeos-fleet': 'north' };
  await running.operator('POST', '/api/v1/fleets', { id: 'north', name: 'North' });
  await running.operator('POST', '/api/v1/users', { name: 'bob', password, role: 'viewer' });
  await running.operator('PUT', '/api/v1/users/bob/role', { role: 'viewer' }, north);
  await running.enrolledDevice([], 'in-main');
  await page.reload();
  await page.getByLabel('Name').fill('bob');
  await page.getByLabel('Password').fill(password);
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: /^Devices/ }).click();
  await page.getByText('in-main').waitFor();
  assert.equal(await page.getByRole('link', { name: 'Provisioning' }).count(), 0);
  assert.equal(await page.getByRole('link', { name: 'Audit' }).count(), 0);
  await page.getByLabel('Fleet', { exact: true }).selectOption('north');
  await page.getByText('No devices yet').waitFor();
  await page.getByRole('link', { name: 'People' }).click();
  await page.getByText('You are bob, viewer of north').waitFor();
  assert.equal(await page.getByRole('heading', { name: 'Users' }).count(), 0);
  await page.getByRole('heading', { name: 'Your account' }).waitFor();
});
