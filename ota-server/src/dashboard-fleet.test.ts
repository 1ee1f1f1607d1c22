import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { NOTHING_DESIRED } from './deployments/plan.ts';
import { openSqliteStore } from './store/sqlite/store.ts';
import { openDashboard, shoot, signIn } from './testing/dashboard.ts';
import { deviceReport, type RunningServer, runServer } from './testing/running-server.ts';
import { device } from './testing/store-records.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';

const COUNT = 1500;

/** A server whose fleet has many devices: `kiosk-1` to `kiosk-1500`, every tenth with an app that fails. */
async function runLargeFleet(context: TestContext): Promise<{ running: RunningServer; page: Page } | null> {
  const dataDir = await temporaryFolder(context);
  const server = openSqliteStore(join(dataDir, 'server.sqlite'));
  const app = (state: 'running' | 'backing-off', version: string) => ({
    ...{ sha256: 'f'.repeat(64), state, version, restarts: 0, reason: null },
  });
  const store = server.fleet('main');
  await store.transaction(async (inside) => {
    for (let n = 1; n <= COUNT; n++)
      await inside.addDevice(
        device(`d${n}`, {
          ...{ serial: `S${n}`, board: n % 3 === 0 ? 'raspberrypi4' : 'x86_64-usb', desired: NOTHING_DESIRED },
          ...{ tags: ['kiosk', ...(n % 50 === 0 ? ['berlin'] : [])], systemVersion: n % 4 === 0 ? '2.1.0' : '2.0.0' },
          report: deviceReport({
            hostname: `kiosk-${n}`,
            apps: {
              menu: app(n % 10 === 0 ? 'backing-off' : 'running', n % 3 === 0 ? '3.2.0' : '3.1.4'),
              screen: app('running', '1.0.0'),
            },
          }),
        }),
      );
  });
  await server.close();
  const running = await runServer(context, dataDir, true);
  const page = await openDashboard(context, running);
  if (page === null) return null;
  await signIn(page, running);
  return { running, page };
}

const names = (page: Page): Promise<string[]> => page.locator('tr[data-device] .identity > a').allInnerTexts();
const row = (page: Page, name: string) =>
  page.locator('tr[data-device]').filter({ has: page.getByRole('link', { name, exact: true }) });

test('devices: a list of any length has the rows on the screen only, and the server looks through it', async (context) => {
  const opened = await runLargeFleet(context);
  if (opened === null) return;
  const { page } = opened;
  await row(page, 'kiosk-1').waitFor();
  const table = page.getByRole('table');
  assert.equal(await table.getAttribute('aria-rowcount'), String(COUNT + 1));
  assert.deepEqual((await names(page)).slice(0, 3), ['kiosk-1', 'kiosk-2', 'kiosk-3'], 'numbers are numbers');
  assert.ok((await page.locator('tr').count()) < 60, 'what is not on the screen is not in the page');
  await shoot(page, 'devices-many');
  await page.setViewportSize({ width: 390, height: 844 });
  await shoot(page, 'devices-narrow');
  await page.setViewportSize({ width: 1280, height: 800 });

  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.evaluate('scrollTo(0, document.body.scrollHeight)');
  const last = row(page, 'kiosk-1500');
  await last.waitFor();
  assert.equal(await last.getAttribute('aria-rowindex'), String(COUNT + 1));
  const [box, height] = [await last.boundingBox(), page.viewportSize()?.height ?? 0];
  assert.ok(box !== null && box.y + box.height <= height, 'the last row ends where the page ends');
  assert.ok((await page.locator('tr').count()) < 60);
  assert.ok(
    asked.filter((url) => /limit=100/.test(url)).length < 6,
    `what was scrolled over is not fetched: ${asked.length}`,
  );

  await page.getByRole('button', { name: /^Last seen/ }).focus();
  await page.getByRole('button', { name: /^Device,/ }).press('Enter');
  await page.getByRole('button', { name: 'Device, ascending ordered. Change' }).press('Enter');
  await page.evaluate('scrollTo(0, 0)');
  await row(page, 'kiosk-1500').waitFor();

  await page.keyboard.press('/');
  await page.keyboard.type('board = raspberrypi4 and tag:berlin');
  await table.and(page.locator('[aria-rowcount="11"]')).waitFor();
  assert.deepEqual((await names(page)).slice(0, 2), ['kiosk-1500', 'kiosk-1350']);
  await page.getByLabel('Search devices').fill('board = raspberrypi4 and');
  await page.getByText(/query, column 25/).waitFor();
  assert.equal((await names(page)).length, 10, 'what was found before stands');
  await page.getByLabel('Search devices').fill('kiosk-77');
  await table.and(page.locator('[aria-rowcount="12"]')).waitFor();
  await page.getByRole('button', { name: /^App fails/ }).click();
  await table.and(page.locator('[aria-rowcount="2"]')).waitFor();
  assert.deepEqual(await names(page), ['kiosk-770']);
});

test('devices: those that fit are tagged, approved or shut out at once; what could not be done is said', async (context) => {
  const opened = await runLargeFleet(context);
  if (opened === null) return;
  const { page, running } = opened;
  const count = async (query: string) =>
    (await running.operator('GET', `/api/v1/devices?limit=1&query=${encodeURIComponent(query)}`)).json.total;
  await row(page, 'kiosk-1').getByRole('checkbox').press('Space');
  await row(page, 'kiosk-2').getByRole('checkbox').press('Space');
  const bulk = page.getByRole('group', { name: 'Act on the selected devices' });
  await bulk.getByText('2 devices selected').waitFor();
  await bulk.getByLabel('Tag for the selected devices').fill('beta');
  await page.keyboard.press('Enter');
  await page.getByText('Tagged 2 devices').waitFor();
  await row(page, 'kiosk-2').getByText('beta').waitFor();
  await bulk.waitFor({ state: 'detached' });

  await page.getByLabel('Search devices').fill('tag:berlin');
  await page.locator('[aria-rowcount="31"]').waitFor();
  await page.getByLabel('Select all devices that fit').press('Space');
  await bulk.getByText('30 devices selected').waitFor();
  await shoot(page, 'devices-bulk');
  await bulk.getByLabel('Tag for the selected devices').fill('kiosk');
  await bulk.getByRole('button', { name: 'Remove tag' }).click();
  await page.getByText('Took the tag off 30 devices').waitFor();
  assert.equal(await count('tag:kiosk'), COUNT - 30);

  await page.getByLabel('Select all devices that fit').press('Space');
  await bulk.getByRole('button', { name: 'Reboot' }).click();
  await bulk.getByRole('group', { name: 'Reboot 30 devices now?' }).getByRole('button', { name: 'Reboot' }).click();
  await page.getByRole('alert').getByText('30 devices could not').waitFor();
  await page.getByRole('alert').getByText('and 25 more').waitFor();
  await bulk.getByRole('button', { name: 'Revoke' }).click();
  await bulk.getByRole('button', { name: 'Keep' }).click();
  assert.equal(await count('state = revoked'), 0);
  await bulk.getByRole('button', { name: 'Revoke' }).click();
  await bulk
    .getByRole('group', { name: /for good/ })
    .getByRole('button', { name: 'Revoke' })
    .click();
  await page.getByText('Revoked 30 devices').waitFor();
  assert.equal(await count('state = revoked'), 30);
});

test('overview: health and versions of the fleet in numbers that lead to the devices behind them', async (context) => {
  const opened = await runLargeFleet(context);
  if (opened === null) return;
  const { page } = opened;
  await page.getByRole('link', { name: 'Overview', exact: true }).click();
  const figures = page.getByRole('list', { name: 'The fleet in numbers' });
  await figures.getByText(`of ${COUNT}`).waitFor();
  await page.getByRole('list', { name: 'Health of the devices' }).getByText('Offline').waitFor();
  await page.getByRole('list', { name: 'Versions of menu' }).getByText('3.1.4').waitFor();
  await page.getByRole('list', { name: 'Versions of the system' }).getByText('2.1.0').first().waitFor();
  await shoot(page, 'overview');
  await page
    .getByRole('list', { name: 'What is the matter' })
    .getByRole('link', { name: /^App fails/ })
    .click();
  await page.locator(`[aria-rowcount="${COUNT / 10 + 1}"]`).waitFor();
  assert.equal((await names(page))[0], 'kiosk-10');
  await page.goBack();
  const system = page
    .getByRole('list', { name: 'Versions of the system' })
    .getByRole('link', { name: /2\.1\.0 raspberrypi4/ });
  assert.match(await system.innerText(), /125\s+8 %/);
  await system.press('Enter');
  await page.locator('[aria-rowcount="126"]').waitFor();
});
