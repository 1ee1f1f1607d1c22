import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { connectAsync } from 'mqtt';
import { openDashboard, shoot, signIn } from './testing/dashboard.ts';
import { makeDeviceKey, makeRequest } from './testing/device-identity.ts';
import { makePublisher } from './testing/publish.ts';
import { appTarget } from './testing/release-keys.ts';
import {
  type DeviceIdentity,
  deviceReport,
  enrolment,
  type RunningServer,
  runServer,
} from './testing/running-server.ts';

async function connect(context: TestContext, running: RunningServer, device: DeviceIdentity): Promise<void> {
  const client = await connectAsync(running.server.addresses.mqtt.url, {
    protocolVersion: 4,
    clientId: device.id,
    ca: running.ca,
    cert: device.certificate,
    key: device.keyPem,
  });
  context.after(() => client.endAsync(true));
}

const running1 = { sha256: 'f'.repeat(64), state: 'running', restarts: 0, reason: null } as const;

test('login: a wrong token is named, the right one leads to an empty fleet with the next commands', async (context) => {
  const running = await runServer(context, undefined, true);
  const page = await openDashboard(context, running);
  if (page === null) return;
  await page.getByLabel('Operator token').fill('wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').getByText('not the operator token').waitFor();
  await shoot(page, 'login');
  await signIn(page, running);
  await page.getByText('No devices yet').waitFor();
  await page.getByText('nodeos fleet-file create --out fleet.json --auto-approve').waitFor();
  await shoot(page, 'empty');
  await page.getByRole('link', { name: 'Deployments' }).click();
  await page.getByText('nodeos publish <bundle>.sqfs --keys keys').waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Operator token').waitFor();
});

test('devices appear, come online, update and are approved, live and by keyboard', async (context) => {
  const running = await runServer(context, undefined, true);
  const page = await openDashboard(context, running);
  if (page === null) return;
  await signIn(page, running);

  const device = await running.enrolledDevice(['kiosk'], 'kiosk-berlin-01');
  const row = page.locator(`tr[data-device="${device.id}"]`);
  await row.getByRole('img', { name: 'offline' }).waitFor();
  await connect(context, running, device);
  await row.getByRole('img', { name: 'online', exact: true }).waitFor();

  const publisher = await makePublisher(running);
  const target = await appTarget('hello', '2.0.0', 'the bundle');
  await publisher.publish(target, 'the bundle');
  const { id: deployment } = (
    await running.operator('POST', '/api/v1/deployments', { target: target.path, to: { tag: 'kiosk' } })
  ).json;
  const status = { lane: 'app', name: 'hello', version: '2.0.0', target: target.path, deployment } as const;
  const report = (change: object) =>
    running.device(device, 'POST', '/device/v1/report', deviceReport({ generation: 1, ...change }));
  await report({ updates: [{ ...status, state: 'fetching', percent: 50, reason: null }] });
  const progress = row.getByRole('progressbar');
  await progress.waitFor();
  assert.equal(await progress.getAttribute('aria-valuenow'), '35');
  const reason = 'APP_START_FAILED: exit code 1: Error: Cannot find module ./missing.js';
  await report({
    apps: { hello: { ...running1, version: '1.0.0' } },
    updates: [{ ...status, state: 'failed', percent: null, reason }],
  });
  await row.getByText('Cannot find module').waitFor();
  await running.device(device, 'POST', '/device/v1/events', {
    events: [{ at: Date.now(), kind: 'rollback', text: 'hello is back on 1.0.0' }],
  });

  const waiting = await running.claimToken({ autoApprove: false });
  const { deviceId } = (
    await running.device(null, 'POST', '/device/v1/enrol', enrolment(await makeRequest(await makeDeviceKey()), waiting))
  ).json;
  await page
    .locator(`tr[data-device="${deviceId}"]`)
    .getByRole('button', { name: /Approve/ })
    .click();
  await page.getByText('is approved').waitFor();

  await page.keyboard.press('/');
  await page.keyboard.type('berlin');
  await page.locator(`tr[data-device="${deviceId}"]`).waitFor({ state: 'detached' });
  await row.getByRole('link').focus();
  await page.keyboard.press('Enter');
  const panel = page.getByRole('dialog');
  await panel.getByText('hello is back on 1.0.0').waitFor();
  await panel.getByText('192 MiB').waitFor();
  await panel.getByLabel('Add a tag').fill('beta');
  await page.keyboard.press('Enter');
  await panel.getByRole('button', { name: 'Remove the tag beta' }).waitFor();
  await page.keyboard.press('Escape');
  await panel.waitFor({ state: 'detached' });

  await page.getByRole('link', { name: 'Deployments' }).click();
  const card = page.locator(`[data-deployment="${deployment}"]`);
  await card.getByText('APP_START_FAILED').waitFor();
  await card.getByText('0/1').waitFor();
  await card.getByRole('button', { name: 'Abort' }).click();
  await card.getByRole('button', { name: 'Abort' }).click();
  await card.getByText('Aborted').waitFor();
});

test('the dashboard comes with a strict policy and from this server alone', async (context) => {
  const running = await runServer(context, undefined, true);
  const answer = await fetch(running.server.addresses.operator.url);
  const policy = answer.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|https?:/);
  const html = await answer.text();
  assert.doesNotMatch(html, /(src|href)="(https?:)?\/\//);
  assert.doesNotMatch(html, /<script>|<style|onclick/);
});
