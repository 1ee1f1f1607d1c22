import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Page } from 'playwright-core';
import { openBrowser } from './browser.ts';
import type { RunningServer } from './running-server.ts';

/** Screenshots for people go to this folder, where it is set. */
const SHOTS = process.env.NODEOS_SCREENSHOTS;

/** The dashboard in a browser; the test fails where the page reports a fault. Null as in `openBrowser`. */
export async function openDashboard(context: TestContext, running: RunningServer): Promise<Page | null> {
  const browser = await openBrowser(context);
  if (browser === null) return null;
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(60_000);
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  // Chromium reports each 4xx answer as an error too: the one before the login is meant to be.
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) problems.push(message.text());
  });
  context.after(() => assert.deepEqual(problems, []));
  await page.goto(running.server.addresses.operator.url);
  return page;
}

/** With the operator token, by keyboard; then to the devices. */
export async function signIn(page: Page, running: RunningServer): Promise<void> {
  await page.getByLabel('Operator token').fill(running.server.operatorToken);
  await page.keyboard.press('Enter');
  await page.getByText('Live', { exact: true }).waitFor();
  await page.getByRole('link', { name: /^Devices/ }).click();
}

/** Checks the page as it stands for what a screen reader needs, and takes pictures of it where they are wanted. */
export async function shoot(page: Page, name: string, fullPage = false): Promise<void> {
  assert.deepEqual(await unnamed(page), [], name);
  if (SHOTS === undefined) return;
  await mkdir(SHOTS, { recursive: true });
  await page.evaluate('scrollTo(0, 0)');
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.screenshot({ path: join(SHOTS, `${name}-${colorScheme}.png`), fullPage });
  }
}

/** What a screen reader would not find a name for, and headings that are out of order. */
async function unnamed(page: Page): Promise<string[]> {
  // In the page's own words: the types of a browser are not those of this program.
  return page.evaluate(`(() => {
    const faults = [];
    for (const element of document.querySelectorAll('input, select, textarea, button, a')) {
      const name = element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent ?? '';
      if (name.trim() === '') faults.push(element.outerHTML.slice(0, 80));
    }
    for (const table of document.querySelectorAll('table'))
      if (!table.hasAttribute('aria-label') && table.closest('section[aria-labelledby]') === null) faults.push('a table');
    if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');
    return faults;
  })()`);
}
