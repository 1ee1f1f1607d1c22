import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { PLAIN_ROLLOUT } from '@nodeos/contracts/rollout.ts';
import type { Page } from 'playwright-core';
import { openDashboard, shoot, signIn } from './testing/dashboard.ts';
import { makePublisher } from './testing/publish.ts';
import { appTarget, systemTarget, type TargetParts } from './testing/release-keys.ts';
import { deviceReport, type RunningServer, runServer } from './testing/running-server.ts';

const withWords = (target: TargetParts, words: object): TargetParts => ({
  ...target,
  custom: { ...(target.custom as object), ...words },
});

/** Two devices of which one has the tag beta, and four releases of which hello 1.1.0 is of the channel beta. */
async function publishAll(running: RunningServer) {
  const beta = await running.enrolledDevice(['kiosk', 'beta'], 'kiosk-beta');
  const plain = await running.enrolledDevice(['kiosk'], 'kiosk-plain');
  const hello = { version: '1.0.0', sha256: 'f'.repeat(64), state: 'running', restarts: 0, reason: null } as const;
  for (const device of [beta, plain])
    await running.device(device, 'POST', '/device/v1/report', deviceReport({ apps: { hello } }));
  const publisher = await makePublisher(running);
  const first = await appTarget('hello', '1.0.0', 'hello 1');
  await publisher.publish(first, 'hello 1');
  const { app } = first.custom as { app: object };
  const forPc = withWords(first, { app: { ...app, abi: 'linux-x64-glibc' } });
  await publisher.publish({ ...forPc, path: 'apps/hello/1.0.0/linux-x64-glibc.sqfs' }, 'hello 1');
  await publisher.publish(systemTarget('x86_64-usb', '1.2.0', 'system'), 'system');
  const next = await appTarget('hello', '1.1.0', 'hello 2');
  const words = { notes: 'Opens the door with a card.' };
  await publisher.publish(withWords(next, { ...words, channel: 'beta', minimumSystem: '1.0.0' }), 'hello 2');
  const promote = () => publisher.publish(withWords(next, { ...words, minimumSystem: '1.0.0' }), 'hello 2');
  return { beta, plain, next, promote };
}

async function openReleases(context: TestContext, running: RunningServer): Promise<Page | null> {
  const page = await openDashboard(context, running);
  if (page === null) return null;
  await signIn(page, running);
  await page.getByRole('link', { name: 'Releases' }).click();
  return page;
}

/** What a person reads in a row, without the button's words. */
const rowText = async (page: Page, target: string): Promise<string[]> =>
  page.locator(`tr[data-release="${target}"]`).locator('th, td').allInnerTexts();

test('releases: whom each is for, filtered by channel and promoted with the command of the page, by keyboard', async (context) => {
  const running = await runServer(context, undefined, true);
  const page = await openReleases(context, running);
  if (page === null) return;
  await page.getByText('nodeos publish <bundle>.sqfs --keys keys --channel beta').waitFor();
  const { next, promote } = await publishAll(running);
  const row = page.locator(`tr[data-release="${next.path}"]`);
  await row.waitFor();
  assert.deepEqual((await rowText(page, next.path)).slice(1, 5), ['beta', '1.0.0 or newer', '0 of 2', '7 B']);
  const firstTexts = await rowText(page, 'apps/hello/1.0.0/any.sqfs');
  assert.deepEqual(firstTexts.slice(1, 4), ['all devices', 'any', '2 of 2']);
  await shoot(page, 'releases');

  const rows = page.getByRole('table', { name: 'Releases' }).locator('tbody tr');
  assert.equal(await rows.count(), 4);
  await page.getByRole('button', { name: 'beta 1' }).press('Enter');
  await page.locator('[aria-pressed="true"]', { hasText: 'beta' }).waitFor();
  assert.deepEqual(await rows.locator('strong').allInnerTexts(), ['hello']);
  await page.getByRole('button', { name: 'For all devices 3' }).press('Space');
  await row.waitFor({ state: 'detached' });
  assert.equal(await rows.count(), 3);
  await page.getByRole('button', { name: 'beta 1' }).press('Enter');

  await row.getByRole('link', { name: 'hello 1.1.0', exact: true }).focus();
  await page.keyboard.press('Enter');
  const panel = page.getByRole('dialog', { name: 'hello 1.1.0' });
  const field = panel.getByRole('combobox', { name: 'Channel' });
  await panel.getByText('1 of 2 devices may take it.').waitFor();
  assert.equal(await field.inputValue(), 'beta');
  const command = panel.locator('.command code');
  assert.equal(await command.count(), 0);
  await field.fill('Not One');
  await panel.getByText('A channel has lower-case letters').waitFor();
  assert.equal(await command.count(), 0);
  await field.fill('stable');
  await panel.getByText('Then 0 of 2 devices may take it; now 1.').waitFor();
  assert.equal(await command.innerText(), 'nodeos promote hello@1.1.0 --channel stable --keys keys');
  await panel.getByLabel('devices with the tag').press('ArrowUp');
  await panel.getByText('Then 2 of 2 devices may take it; now 1.').waitFor();
  assert.equal(await command.innerText(), 'nodeos promote hello@1.1.0 --keys keys');
  await panel.getByText('Waits for the signature').waitFor();
  await shoot(page, 'release-panel');
  await promote();
  await panel.getByText('hello 1.1.0 is for all devices now').waitFor();
  assert.equal(await command.count(), 0);
  await page.keyboard.press('Escape');
  await panel.waitFor({ state: 'detached' });
  assert.equal(
    await page.evaluate('document.activeElement.getAttribute("href")'),
    `#/releases/${encodeURIComponent(next.path)}`,
  );
  await page.getByRole('button', { name: 'beta' }).waitFor({ state: 'detached' });
  assert.equal(await rows.count(), 4);

  // Two bundles are hello 1.0.0: only its target names one of them.
  await page.goto(
    `${running.server.addresses.operator.url}/#/releases/${encodeURIComponent('apps/hello/1.0.0/any.sqfs')}`,
  );
  await page.getByRole('dialog').getByRole('combobox', { name: 'Channel' }).fill('beta');
  await page.getByText('nodeos promote apps/hello/1.0.0/any.sqfs --channel beta --keys keys').waitFor();
});

test('a new deployment: a channel narrows the releases and leads to its devices; the plan says who is left out', async (context) => {
  const running = await runServer(context, undefined, true);
  const { plain, next } = await publishAll(running);
  const page = await openReleases(context, running);
  if (page === null) return;
  await page.getByRole('link', { name: 'Deploy hello 1.1.0' }).press('Enter');
  const form = page.getByRole('form', { name: 'New deployment' });
  assert.equal(await form.getByRole('combobox', { name: 'Release' }).inputValue(), next.path);
  assert.equal(await form.getByLabel('to').inputValue(), 'tag:beta');
  await form.getByText('Goes to 1 of 1 devices').waitFor();
  await form.getByLabel('to').selectOption('tag:kiosk');
  await form.getByText('Goes to 1 of 2 devices').waitFor();
  await form.getByText('1 left out: the release is of the channel beta, and the device has no tag beta').waitFor();
  await shoot(page, 'new-deployment');
  await form.getByLabel('to').selectOption('device');
  await form.getByLabel('Device', { exact: true }).fill(plain.id);
  await form.getByText(/hello\/1.1.0.* does not go to .*no tag beta/).waitFor();

  await form.getByLabel('to').selectOption('query');
  await form.getByLabel('Query', { exact: true }).fill('tag:kiosk and system =');
  await form.getByText(/column 23/).waitFor();
  assert.ok(await form.getByRole('button', { name: 'Deploy' }).isDisabled());
  await form.getByLabel('Query', { exact: true }).fill('tag:kiosk and not tag:beta');
  await form.getByText('1 device now').waitFor();
  await form.getByText('Goes to 0 of 1 devices').waitFor();

  await form.getByRole('combobox', { name: 'Channel' }).selectOption('all devices');
  const offered = form.getByRole('combobox', { name: 'Release' }).locator('option');
  assert.equal(await offered.filter({ hasText: 'hello 1.1.0' }).count(), 0);
  assert.equal(await offered.count(), 1 + 3);
  await form.getByRole('combobox', { name: 'Channel' }).selectOption('beta');
  assert.deepEqual(await offered.allInnerTexts(), ['choose…', 'hello 1.1.0, channel beta, system 1.0.0 or newer']);
  assert.equal(await form.getByLabel('to').inputValue(), 'tag:beta');
  await form.getByRole('combobox', { name: 'Release' }).selectOption(next.path);
  await form.getByLabel('in waves').selectOption('canary');
  await form.getByLabel('each one').selectOption('updates now, whatever holds it up');
  await form.getByRole('button', { name: 'Deploy' }).press('Enter');
  await page.locator('[data-deployment]').getByText('to tag beta, forced').waitFor();
  assert.equal(await form.getByLabel('each one').inputValue(), 'update');
  const { deployments } = (await running.operator('GET', '/api/v1/deployments')).json;
  assert.deepEqual(
    deployments.map(({ target, to }: { target: string; to: object }) => ({ target, to })),
    [{ target: next.path, to: { tag: 'beta' } }],
  );
  assert.deepEqual(deployments[0].rollout, {
    ...PLAIN_ROLLOUT,
    waves: [{ devices: 5 }, { percent: 25 }],
    maxFailurePercent: 10,
    patienceSeconds: 3600,
    forced: true,
  });

  await page.getByRole('link', { name: /^Devices/ }).click();
  await page.getByLabel('Search devices').fill('tag:kiosk and not tag:beta');
  await page.locator('[aria-rowcount="2"]').waitFor();
  await page.getByLabel('Select all devices that fit').press('Space');
  await page.getByRole('link', { name: 'Deploy to them' }).press('Enter');
  assert.equal(await form.getByLabel('Query', { exact: true }).inputValue(), 'tag:kiosk and not tag:beta');
  await form.getByText('1 device now').waitFor();
  await page.getByRole('link', { name: /^Devices/ }).click();
  await page.locator(`tr[data-device="${plain.id}"]`).getByRole('link').press('Enter');
  await page.getByRole('dialog').getByRole('link', { name: 'Deploy to it' }).press('Enter');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal(await form.getByLabel('Device', { exact: true }).inputValue(), plain.id);
  await form.getByRole('combobox', { name: 'Release' }).selectOption(next.path);
  await form.getByText(/hello\/1.1.0.* does not go to .*no tag beta/).waitFor();
});

test('who may not publish or deploy sees the releases without the ways to do it', async (context) => {
  const running = await runServer(context, undefined, true);
  const { next } = await publishAll(running);
  const page = await openDashboard(context, running);
  if (page === null) return;
  const password = 'correct horse battery';
  await running.operator('POST', '/api/v1/users', { name: 'bob', password, role: 'viewer' });
  await page.reload();
  await page.getByLabel('Name').fill('bob');
  await page.getByLabel('Password').fill(password);
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'Releases' }).click();
  const row = page.locator(`tr[data-release="${next.path}"]`);
  await row.getByText('beta').waitFor();
  assert.equal(await row.getByRole('link', { name: /Deploy|Promote/ }).count(), 0);
  await row.getByRole('link').click();
  const panel = page.getByRole('dialog', { name: 'hello 1.1.0' });
  await panel.getByText('It was not deployed yet.').waitFor();
  assert.equal(await panel.getByText('nodeos promote').count(), 0);
  assert.equal(await panel.getByRole('link', { name: 'Deploy' }).count(), 0);
});
