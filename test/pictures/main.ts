import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { bootImage } from '@nodeos/firmware/emulate/boot-image.ts';
import { createWorkFolder } from '@nodeos/firmware/emulate/work-folder.ts';
import { makeLoopDevice } from '@nodeos/firmware/flash/loop-device.testing.ts';
import { STORY_LIMITS, type StoryContext } from 'nodeos/demo/context.ts';
import { deviceUntil, onlyDevice } from 'nodeos/demo/operator.ts';
import { startFleet } from 'nodeos/demo/steps/start-fleet.ts';
import { chromium, type Page } from 'playwright-core';
import { sharedCache } from '../support/build.ts';
import { ROOT } from '../support/command.ts';
import { terminalPicture } from './terminal-picture.ts';
import { inTerminal } from './typescript.ts';

/**
 * Takes the pictures of the guides from a real run: a loop device in the place of a stick, an emulated PC with a
 * screen, the dashboard in Chromium. Run it as root: `node test/pictures/main.ts`.
 */
const OUT = join(ROOT, 'docs', 'pictures');
const STICK_BYTES = 1024 * 1_048_576;
const end = new AbortController();
const closers: (() => Promise<void>)[] = [];
const own = (close: () => Promise<void>): void => void closers.unshift(close);

async function takePictures(folder: string): Promise<void> {
  const board = await loadBoard('x86_64-usb');
  const build = { cacheRoot: sharedCache(), signal: end.signal, progress: () => {}, locked: false };
  const context: StoryContext = { build, board, folder, signal: end.signal, dashboardPort: 0 };
  const { value: fleet } = await startFleet(context, own);
  const stick = await makeLoopDevice(folder, STICK_BYTES);
  own(stick.detach);

  const words = [
    'flash',
    '--board',
    board.name,
    '--app',
    'examples/hello',
    '--keys',
    'keys',
    '--hostname',
    'hall',
    '--drive',
    stick.path,
  ];
  const env = {
    NODEOS_SERVER: fleet.operatorUrl,
    NODEOS_TOKEN: fleet.token,
    XDG_STATE_HOME: folder,
    NODE_NO_WARNINGS: '1',
  };
  // The folder of the clone as the guide sees it, with keys of its own.
  const work = join(folder, 'clone');
  await mkdir(work);
  await symlink(join(ROOT, 'examples'), join(work, 'examples'));
  await symlink(fleet.operator.keys, join(work, 'keys'));
  const program = join(ROOT, 'cli', 'bin', 'nodeos.js');
  const typed = [{ when: /\[y\/N\]/, text: 'y\n' }];
  const output = await inTerminal([process.execPath, program, ...words], { cwd: work, env, typed });
  const shown = `$ npx nodeos ${words.join(' ')}\n${output.replaceAll(folder, '~/.local/state')}`;
  await picture('flash.svg', terminalPicture(shown));

  const devices = [...(board.emulate?.devices ?? []), '-device', 'VGA'];
  const { emulator } = await bootImage({
    ...{ emulate: { ...(board.emulate as NonNullable<typeof board.emulate>), devices }, image: stick.file, folder },
    ...{ inPlace: true, bus: 'usb', cacheRoot: sharedCache(), signal: end.signal },
  });
  own(() => emulator.stop());
  const screenshot = async (name: string): Promise<void> => {
    await emulator.qmp.execute('screendump', { filename: join(OUT, name), format: 'png' });
  };
  await emulator.console.expect(/waiting to be approved/, STORY_LIMITS.bootMs, 'the device asks to be let in');
  await screenshot('screen-waiting.png');

  const id = (await onlyDevice(fleet.operator)) as string;
  const page = await openDashboard(fleet.operatorUrl, fleet.token);
  const row = page.locator(`tr[data-device="${id}"]`);
  await row.waitFor();
  await shoot(page, 'dashboard-waiting.png');
  await fleet.operator.client.send('POST', `/devices/${id}/approve`, {});
  await deviceUntil(
    fleet.operator,
    id,
    ({ apps }) => apps.hello?.state === 'running',
    STORY_LIMITS.bootMs,
    'hello runs',
  );
  await emulator.console.expect(/state +online as/, STORY_LIMITS.bootMs, 'the screen says online');
  await emulator.console.expect(/hello 1\.0\.0 running/, STORY_LIMITS.bootMs, 'the screen shows the app');
  await screenshot('screen-online.png');
  await row.getByRole('img', { name: 'online', exact: true }).waitFor();
  await row.getByText('hall').waitFor();
  await shoot(page, 'dashboard-online.png');
}

async function openDashboard(url: string, token: string): Promise<Page> {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
  own(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1100, height: 520 } });
  await page.goto(url);
  await page.getByLabel('Operator token').fill(token);
  await page.keyboard.press('Enter');
  await page.getByText('Live', { exact: true }).waitFor();
  return page;
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await page.screenshot({ path: join(OUT, name) });
}

async function picture(name: string, content: string): Promise<void> {
  await writeFile(join(OUT, name), content);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end.abort());
const folder = createWorkFolder();
try {
  await mkdir(OUT, { recursive: true });
  await takePictures(folder.path);
} finally {
  end.abort();
  for (const close of closers) await close();
  folder.remove();
}
