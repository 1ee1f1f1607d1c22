import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { type Browser, chromium } from 'playwright-core';

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Chromium of the host; without it the test is skipped visibly (null), in CI it fails. */
export async function openBrowser(context: TestContext): Promise<Browser | null> {
  const executablePath = PATHS.find((path) => existsSync(path));
  if (executablePath === undefined) {
    if (process.env.CI) throw new Error('chromium is not installed');
    context.skip('chromium is not installed');
    return null;
  }
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  context.after(() => browser.close());
  return browser;
}
