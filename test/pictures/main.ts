import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeviceDetail } from '@nodeos/contracts/operator-api.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { bootImage } from '@nodeos/firmware/emulate/boot-image.ts';
import type { SerialConsole } from '@nodeos/firmware/emulate/console.ts';
import { createWorkFolder } from '@nodeos/firmware/emulate/work-folder.ts';
import { makeLoopDevice } from '@nodeos/firmware/flash/loop-device.testing.ts';
import { STORY_LIMITS, type StoryContext } from 'nodeos/demo/context.ts';
import { deviceUntil, onlyDevice } from 'nodeos/demo/operator.ts';
import { type Fleet, startFleet } from 'nodeos/demo/steps/start-fleet.ts';
import { chromium, type Page } from 'playwright-core';
import { sharedCache } from '../support/build.ts';
import { ROOT } from '../support/command.ts';
import { terminalPicture } from './terminal-picture.ts';
import { inTerminal } from './typescript.ts';

/**
 * Takes the pictures of the guides from a real run: a loop device in the place of the stick or card, an emulated
 * device with its screen or serial console, the dashboard in Chromium. As root: `node test/pictures/main.ts`.
 */
const GUIDES = [
  { board: 'x86_64-usb', folder: 'usb-stick', bus: 'usb', screen: ['-device', 'VGA'] },
  // QEMU's Raspberry Pi shows our kernel no screen: the serial console stands for it.
  { board: 'raspberrypi3', folder: 'raspberry-pi', bus: undefined, screen: null },
] as const;
type Guide = (typeof GUIDES)[number];

const PICTURES = join(ROOT, 'docs', 'pictures');
const MEDIUM_BYTES = 1024 * 1_048_576;
const end = new AbortController();

async function takePictures(guide: Guide, folder: string, own: (close: () => Promise<void>) => void): Promise<void> {
  const board = await loadBoard(guide.board);
  const out = join(PICTURES, guide.folder);
  await mkdir(out, { recursive: true });
  const build = { cacheRoot: sharedCache(), signal: end.signal, progress: () => {}, locked: false };
  const context: StoryContext = { build, board, folder, signal: end.signal, dashboardPort: 0 };
  const { value: fleet } = await startFleet(context, own);
  const medium = await makeLoopDevice(folder, MEDIUM_BYTES);
  own(medium.detach);
  await writeFile(join(out, 'flash.svg'), terminalPicture(await flash(guide, folder, medium.path, fleet)));

  const emulate = board.emulate as NonNullable<typeof board.emulate>;
  const { emulator } = await bootImage({
    ...{ emulate: { ...emulate, devices: [...emulate.devices, ...(guide.screen ?? [])] }, bus: guide.bus },
    ...{ image: medium.file, inPlace: true, folder, cacheRoot: sharedCache(), signal: end.signal },
  });
  own(() => emulator.stop());
  const { console } = emulator;
  const shootScreen = async (name: string): Promise<void> => {
    if (guide.screen === null) await writeFile(join(out, `${name}.svg`), terminalPicture(lastScreen(console.lines)));
    else await emulator.qmp.execute('screendump', { filename: join(out, `${name}.png`), format: 'png' });
  };
  await console.expect(/state +waiting to be approved/, STORY_LIMITS.bootMs, 'the device asks to be let in');
  await screenAfter(console, /state +waiting to be approved/);
  await shootScreen('screen-waiting');

  const id = (await onlyDevice(fleet.operator)) as string;
  const page = await openDashboard(fleet.operatorUrl, fleet.token, own);
  const row = page.locator(`tr[data-device="${id}"]`);
  await row.waitFor();
  await shootPage(page, join(out, 'dashboard-waiting.png'));
  await fleet.operator.client.send('POST', `/devices/${id}/approve`, {});
  const running = ({ apps }: DeviceDetail): boolean => apps.hello?.state === 'running';
  await deviceUntil(fleet.operator, id, running, STORY_LIMITS.bootMs, 'hello runs');
  await console.expect(/state +online as/, STORY_LIMITS.bootMs, 'the screen says online');
  await screenAfter(console, /state +online as/);
  await shootScreen('screen-online');
  await row.getByRole('img', { name: 'online', exact: true }).waitFor();
  await row.getByText('hall').waitFor();
  await shootPage(page, join(out, 'dashboard-online.png'));
}

/** Waits for the last row of the screen that has the row. */
async function screenAfter(console: SerialConsole, row: RegExp): Promise<void> {
  const from = console.lines.findIndex(({ text }) => row.test(text));
  await console.expect(/^ +system /, STORY_LIMITS.bootMs, 'the last row of the screen', from);
}

/** The newest screen among the lines of the log. */
function lastScreen(lines: SerialConsole['lines']): string {
  const texts = lines.map(({ text }) => text);
  const last = texts.findLastIndex((text) => /^ +system /.test(text));
  const first = texts.findLastIndex((text, index) => index < last && /^ +device /.test(text));
  return texts.slice(first, last + 1).join('\r\n');
}

/** What the terminal shows from the command to the code. */
async function flash(guide: Guide, folder: string, drive: string, fleet: Fleet): Promise<string> {
  const options = { board: guide.board, app: 'examples/hello', keys: 'keys', hostname: 'hall', drive };
  const words = ['flash', ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])];
  const env = { NODEOS_SERVER: fleet.operatorUrl, NODEOS_TOKEN: fleet.token, XDG_STATE_HOME: folder };
  // The folder of the clone as the guide sees it, with keys of its own.
  const cwd = join(folder, 'clone');
  await mkdir(cwd);
  await symlink(join(ROOT, 'examples'), join(cwd, 'examples'));
  await symlink(fleet.operator.keys, join(cwd, 'keys'));
  const typed = [{ when: /\[y\/N\]/, text: 'y\n' }];
  const output = await inTerminal([process.execPath, join(ROOT, 'cli', 'bin', 'nodeos.js'), ...words], {
    ...{ cwd, env, typed },
  });
  return `$ npx nodeos ${words.join(' ')}\n${output.replaceAll(folder, '~/.local/state')}`;
}

async function openDashboard(url: string, token: string, own: (close: () => Promise<void>) => void): Promise<Page> {
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
  await page.getByRole('link', { name: /^Devices/ }).click();
  return page;
}

async function shootPage(page: Page, path: string): Promise<void> {
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await page.screenshot({ path });
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end.abort());
const wanted = process.argv.slice(2);
for (const guide of GUIDES.filter(({ folder }) => wanted.length === 0 || wanted.includes(folder))) {
  const work = createWorkFolder();
  const closers: (() => Promise<void>)[] = [];
  try {
    await takePictures(guide, work.path, (close) => void closers.unshift(close));
  } finally {
    for (const close of closers) await close().catch((error) => process.stderr.write(`${error}\n`));
    work.remove();
  }
}
end.abort();
