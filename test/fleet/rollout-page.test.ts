import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDashboard, shoot, signIn } from '@nodeos/ota-server/testing/dashboard.ts';
import { until } from '@nodeos/ota-server/testing/until.ts';
import { FLEET_LIMIT_MS, startFleet } from './simulated-fleet.ts';

test('the deployment page shows waves as they go, the halt by itself, why each device failed, and all back', async (context) => {
  const count = 1000;
  const profile = { connectPerSecond: 100, faults: { bad: [{ release: 'hello@2.0.0', rate: 0.7 }] } };
  const fleet = await startFleet(context, count, ['hello@1.0.0', 'hello@2.0.0'], profile, true);
  const page = await openDashboard(context, fleet.running);
  if (page === null) return;
  const { simulation, running } = fleet;
  await until('all devices online', () => simulation.counts().online === count, FLEET_LIMIT_MS);
  const first = await fleet.deploy('apps/hello/1.0.0/any.sqfs');
  await until('1.0.0 everywhere', async () => (await fleet.show(first.id)).state === 'done', FLEET_LIMIT_MS);

  await signIn(page, running);
  await page.getByRole('link', { name: 'Deployments' }).click();
  const form = page.getByRole('form', { name: 'New deployment' });
  await form.getByLabel('Release').selectOption('apps/hello/2.0.0/any.sqfs');
  await form.locator('select').nth(1).selectOption('tag:simulated');
  await form.getByLabel('in waves').selectOption('approved');
  await form.getByRole('button', { name: 'Deploy' }).click();
  const card = page.locator('.deployment').first();
  await card.getByText('Waits for approval').waitFor();
  await shoot(page, 'rollout-approval');
  await card.getByRole('button', { name: 'Approve wave 1' }).click();
  await card.getByText('Turned back', { exact: true }).waitFor();
  await card.getByText(/of \d+ devices of wave 1 failed, more than 10 %/).waitFor();
  assert.equal(await card.getByRole('list', { name: 'Waves' }).getByText('Canary').count(), 1);
  await card.getByText('APP_START_FAILED').first().waitFor();
  await shoot(page, 'rollout-turned-back');
  await until('all back', () => simulation.running('hello@1.0.0') === count, FLEET_LIMIT_MS);
  assert.equal(simulation.running('hello@2.0.0'), 0);

  await page.getByRole('link', { name: 'Overview', exact: true }).click();
  await page.getByRole('list', { name: 'The fleet in numbers' }).getByText(`${count} of ${count}`).waitFor();
  await page.getByRole('list', { name: 'What is the matter' }).getByText('Failed').waitFor();
  await shoot(page, 'fleet-overview');
});
