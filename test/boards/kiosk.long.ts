import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { DeviceDetail } from '@nodeos/contracts/operator-api.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { bundleApp } from '@nodeos/firmware/bundle/bundle-app.ts';
import { bootImage, type ImageMachine } from '@nodeos/firmware/emulate/boot-image.ts';
import { freePort } from '@nodeos/firmware/emulate/ports.ts';
import { createWorkFolder } from '@nodeos/firmware/emulate/work-folder.ts';
import type { StoryContext } from 'nodeos/demo/context.ts';
import { deploy, deviceUntil, onlyDevice, outcomeOf, publish, readDevice } from 'nodeos/demo/operator.ts';
import { type Fleet, startFleet } from 'nodeos/demo/steps/start-fleet.ts';
import { buildSystem, FIRST_SYSTEM } from 'nodeos/demo/system-releases.ts';
import { sharedCache } from '../support/build.ts';
import { nodeos, ROOT, runCommand } from '../support/command.ts';
import { differencesFromSign } from './sign-picture.ts';

const LIMIT_MS = 600_000;
const DRAWING_LIMIT_MS = 120_000;
const PICTURE = join(ROOT, 'docs/pictures/kiosk/sign.png');
/** A clock would show another second in each picture. */
const SIGN = {
  title: 'Hall 3',
  text: 'Doors open at 9.\nPlease show your ticket.',
  link: 'https://example.org/hall3',
  clock: false,
};
/** Ends the app as `kill -9` does, when somebody asks. */
const KILL_PORT = 8080;
const ENDS_ITSELF = `
const { createServer } = await import('node:http');
createServer(() => process.kill(process.pid, 'SIGKILL')).listen(${KILL_PORT});
`;

const work = createWorkFolder();
const end = new AbortController();
const closers: (() => Promise<void>)[] = [];
let fleet: Fleet;
let machine: ImageMachine;
let killPort: number;
let id: string;
let detail: DeviceDetail;

after(async () => {
  for (const close of closers) await close();
  end.abort();
  work.remove();
});

/** Makes an app's folder into a release, and gives its target. */
async function release(context: StoryContext, folder: string): Promise<string> {
  const { file } = await bundleApp(context.build, { folder, board: context.board, out: `${folder}.sqfs` });
  return (await publish(fleet.operator, file)).target;
}

async function clockApp(context: StoryContext, version: string): Promise<string> {
  const folder = join(work.path, `clock-${version}`);
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'clock', version, main: 'main.js', nodeos: { memoryMiB: 64, soakMs: 500 } }),
  );
  writeFileSync(join(folder, 'main.js'), 'setInterval(() => {}, 1000);');
  return release(context, folder);
}

async function signApp(context: StoryContext): Promise<string> {
  const folder = join(work.path, 'sign');
  assert.equal((await nodeos(['new', folder, '--template', 'kiosk-sign'])).code, 0);
  writeFileSync(join(folder, 'settings.json'), JSON.stringify(SIGN));
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  manifest.nodeos.ports = [KILL_PORT];
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(folder, 'main.js'), readFileSync(join(folder, 'main.js'), 'utf8') + ENDS_ITSELF);
  assert.equal((await runCommand('npm', ['install', '--no-audit', '--no-fund'], { cwd: folder })).code, 0);
  return release(context, folder);
}

async function screendump(name: string): Promise<string> {
  const filename = join(work.path, `${name}.png`);
  await machine.emulator.qmp.execute('screendump', { filename, format: 'png' });
  return filename;
}

const differences = (picture: string): Promise<number> => differencesFromSign(join(work.path, 'sign'), picture, 0);

/** An app that runs has not drawn yet: an emulated machine needs seconds for its first text. */
async function untilSign(take: () => Promise<string>): Promise<string> {
  for (const endAt = performance.now() + DRAWING_LIMIT_MS; ; ) {
    const file = await take();
    const different = await differences(file);
    if (different === 0) return file;
    if (performance.now() > endAt) assert.fail(`${different} values are not those of the sign: ${file}`);
  }
}

const until = (accept: (device: DeviceDetail) => boolean, expected: string) =>
  deviceUntil(fleet.operator, id, accept, LIMIT_MS, expected);

before(async () => {
  const board = await loadBoard('x86_64-usb');
  const build = { cacheRoot: sharedCache(), signal: end.signal, progress: () => {}, locked: false };
  const context: StoryContext = { build, board, folder: work.path, signal: end.signal, dashboardPort: 0 };
  fleet = (await startFleet(context, (close) => void closers.unshift(close))).value;
  const { image } = (await buildSystem(context, 'image', FIRST_SYSTEM, { root: fleet.root })).files;
  const { emulate } = board;
  assert.ok(emulate && image);
  killPort = await freePort();
  machine = await bootImage({
    ...{ image, emulate: { ...emulate, devices: [...emulate.devices, '-device', 'VGA'] }, firmware: 'uefi' },
    forwards: [{ host: killPort, guest: KILL_PORT }],
    ...{ fleet: fleet.fleetFile, folder: work.path, memoryMiB: 320, cacheRoot: sharedCache(), signal: end.signal },
  });
  closers.unshift(() => machine.emulator.stop());
  await machine.emulator.console.expect(/state +online as/, LIMIT_MS, 'the device online');
  id = (await onlyDevice(fleet.operator)) as string;
  const say = { limitMs: LIMIT_MS, say: () => {} };
  assert.equal((await deploy(fleet.operator, await clockApp(context, '1.0.0'), id, say)).state, 'done');
  const sign = await deploy(fleet.operator, await signApp(context), id, say);
  assert.equal(sign.state, 'done', outcomeOf(sign).reason);
  const other = await deploy(fleet.operator, await clockApp(context, '1.1.0'), id, say);
  assert.match(outcomeOf(other).reason, /KIOSK_TAKEN: clock: sign has the whole machine/);
  detail = await until(({ apps }) => apps.sign?.state === 'running', 'the sign runs');
});

test('the other app was stopped, and the server shows why', () => {
  const { state, version, reason } = detail.apps.clock ?? {};
  assert.deepEqual([state, version, reason], ['stopped', '1.0.0', 'KIOSK_TAKEN: clock: sign has the whole machine']);
  assert.deepEqual(detail.report?.screen, { kiosk: 'sign', blankSince: null });
});

test('the screen shows the sign and nothing else, pixel for pixel', async () => {
  const file = await untilSign(() => screendump('sign'));
  if (process.env.NODEOS_TAKE_PICTURES) {
    mkdirSync(join(PICTURE, '..'), { recursive: true });
    copyFileSync(file, PICTURE);
  }
});

test('nodeos devices screenshot saves the same picture', async () => {
  const out = join(work.path, 'screenshot.png');
  const env = { NODEOS_SERVER: fleet.operatorUrl, NODEOS_TOKEN: fleet.token };
  const { code, stderr } = await nodeos(['devices', 'screenshot', id, '--out', out], { env });
  assert.equal(code, 0, stderr);
  assert.match(execFileSync('pngcheck', [out], { encoding: 'utf8' }), /^OK: /);
  assert.equal(await differences(out), 0);
});

test('killed, it is there again; meanwhile the last picture stays, and the other app does not start', async () => {
  await assert.rejects(fetch(`http://127.0.0.1:${killPort}/`));
  await until(({ apps }) => apps.sign?.restarts === 1, 'the sign was killed');
  assert.equal(await differences(await screendump('meanwhile')), 0);
  const again = await until(({ apps }) => apps.sign?.state === 'running', 'the sign runs again');
  assert.match(again.apps.sign?.reason ?? '', /killed by SIGKILL/);
  await untilSign(() => screendump('again'));
  assert.equal((await readDevice(fleet.operator, id)).apps.clock?.state, 'stopped');
});
