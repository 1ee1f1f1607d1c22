import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBrowser } from '@nodeos/ota-server/testing/browser.ts';
import { until } from '@nodeos/ota-server/testing/until.ts';
import { startFleet } from './simulated-fleet.ts';

/** Screenshots for people go to this folder, where it is set. */
const SHOTS = process.env.NODEOS_SCREENSHOTS;
const LIMIT_MS = 240_000;

test('the deployment page shows waves as they go, the halt by itself, why each device failed, and all back', async (context) => {
  const count = 24;
  const profile = { connectPerSecond: 100, faults: { bad: [{ release: 'hello@2.0.0', rate: 0.7 }] } };
  const fleet = await startFleet(context, count, ['hello@1.0.0', 'hello@2.0.0'], profile, true);
  const browser = await openBrowser(context);
  if (browser === null) return;
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(60_000);
  const shoot = async (name: string): Promise<void> => {
    if (SHOTS === undefined) return;
    await mkdir(SHOTS, { recursive: true });
    await page.evaluate('scrollTo(0, 0)');
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.screenshot({ path: join(SHOTS, `${name}-${colorScheme}.png`) });
    }
  };
  const { simulation, running } = fleet;
  await until('all devices online', () => simulation.counts().online === count, LIMIT_MS);
  const first = await fleet.deploy('apps/hello/1.0.0/any.sqfs');
  await until('1.0.0 everywhere', async () => (await fleet.show(first.id)).state === 'done', LIMIT_MS);

  await page.goto(running.server.addresses.operator.url);
  await page.getByLabel('Operator token').fill(running.server.operatorToken);
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'Deployments' }).click();
  const form = page.getByRole('form', { name: 'New deployment' });
  await form.getByLabel('Release').selectOption('apps/hello/2.0.0/any.sqfs');
  await form.locator('select').nth(1).selectOption('tag:simulated');
  await form.getByLabel('in waves').selectOption('approved');
  await form.getByRole('button', { name: 'Deploy' }).click();
  const card = page.locator('.deployment').first();
  await card.getByText('Waits for approval').waitFor();
  await shoot('rollout-approval');
  await card.getByRole('button', { name: 'Approve wave 1' }).click();
  await card.getByText('Turned back', { exact: true }).waitFor();
  await card.getByText(/of \d+ devices of wave 1 failed, more than 10 %/).waitFor();
  assert.equal(await card.getByRole('list', { name: 'Waves' }).getByText('Canary').count(), 1);
  await card.getByText('APP_START_FAILED').first().waitFor();
  await shoot('rollout-turned-back');
  await until('all back', () => simulation.running('hello@1.0.0') === count, LIMIT_MS);
  assert.equal(simulation.running('hello@2.0.0'), 0);
});
