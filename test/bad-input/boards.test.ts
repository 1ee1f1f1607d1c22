import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { nodeos, ROOT } from '../support/command.ts';
import { assertRefused } from '../support/refusal.ts';
import { linkPrograms, testFolder, writeEmptyDisk, writePrograms } from '../support/test-files.ts';

const folder = testFolder('boards');
const image = writeEmptyDisk(join(folder, 'empty.img'));

// biome-ignore lint/suspicious/noExplicitAny: the tests break the file in ways that no type allows
type BoardFile = any;

/** A board file of the user's own: one of ours with a change. */
function boardFile(name: string, change: (board: BoardFile) => void): string {
  const board = JSON.parse(readFileSync(join(ROOT, 'boards', `${name}.json`), 'utf8'));
  change(board);
  const path = join(folder, `${board.name}-${Math.random().toString(36).slice(2)}.json`);
  writeFileSync(path, JSON.stringify(board));
  return path;
}

test('build: an unknown board is refused with the names of all boards', async () => {
  assertRefused(await nodeos(['build', '--board', 'raspberrypi6']), 'BOARD_UNKNOWN', /raspberrypi6/, /raspberrypi3/);
});

test('build: partitions that overlap what stands before them are named with their places', async () => {
  const path = boardFile('raspberrypi3', (board) => {
    board.partitions.startMiB = 1;
  });
  const result = await nodeos(['build', '--board', path, '--dry-run']);
  assertRefused(result, 'LAYOUT_OVERLAP', /device record 1/, /boot/);
});

test('build: a boot loader that would run into the device record is named with it', async () => {
  const path = boardFile('orangepi-pc', (board) => {
    board.boot.loader.bytes = 2 * 1_048_576;
  });
  const result = await nodeos(['build', '--board', path, '--dry-run']);
  assertRefused(result, 'LAYOUT_OVERLAP', /boot loader/, /device record 1/);
});

test('build: a kernel fragment that does not exist is named', async () => {
  const path = boardFile('raspberrypi3', (board) => {
    board.kernel.fragments.push('feature/teleport.config');
  });
  assertRefused(await nodeos(['build', '--board', path, '--dry-run']), 'FILE_UNREADABLE', /feature\/teleport\.config/);
});

test('build: a board file with wrong fields names each of them', async () => {
  const path = boardFile('orangepi-pc', (board) => {
    board.architecture.debian = 'sparc';
    board.boot.chain = 'floppy';
    board.fragments = [];
  });
  const result = await nodeos(['build', '--board', path, '--dry-run']);
  assertRefused(result, 'INPUT_INVALID', /architecture\.debian/, /boot\.chain/, /fragments/);
});

test('build: a cross compiler that is not installed is named with its package', async () => {
  const env = { PATH: folder, XDG_CACHE_HOME: join(folder, 'cache') };
  const result = await nodeos(['build', '--board', 'raspberrypi3', '--layer', 'initramfs', '--out', folder], { env });
  assertRefused(result, 'TOOL_MISSING', /aarch64-linux-gnu-gcc/, /apt-get install gcc-aarch64-linux-gnu/);
});

/** An app folder whose one addon is this file. */
function appWithAddon(name: string, addon: Buffer): string {
  const app = join(folder, name);
  mkdirSync(app);
  const manifest = { name: 'sensor', version: '1.0.0', scripts: { start: 'node main.js' } };
  writeFileSync(join(app, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(app, 'main.js'), '');
  writeFileSync(join(app, 'sensor.node'), addon);
  return app;
}

test('bundle: an addon for another processor than the board has is refused by its name', async () => {
  // A program of this computer.
  const app = appWithAddon('wrong-processor', readFileSync('/bin/true'));
  const result = await nodeos(['bundle', app, '--board', 'raspberrypi2', '--out', join(folder, 'wrong.sqfs')]);
  assertRefused(result, 'RELEASE_INCOMPATIBLE', /sensor\.node/, /x64/);
});

test('bundle: a cross compiler that is not installed is named with its package', async () => {
  const app = join(folder, 'with-sources');
  mkdirSync(app);
  const manifest = { name: 'sensor', version: '1.0.0', scripts: { start: 'node main.js' }, gypfile: true };
  writeFileSync(join(app, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(app, 'main.js'), '');
  writeFileSync(join(app, 'binding.gyp'), '{ "targets": [{ "target_name": "sensor", "sources": ["sensor.c"] }] }');
  writeFileSync(join(app, 'sensor.c'), 'int sensor;\n');
  const tools = linkPrograms(join(folder, 'without-cross'), (name) => name.startsWith('arm-linux-gnueabi-'));
  const env = { PATH: `${dirname(process.execPath)}:${tools}` };
  const result = await nodeos(['bundle', app, '--board', 'raspberrypi0', '--out', join(folder, 's.sqfs')], { env });
  assertRefused(result, 'TOOL_MISSING', /arm-linux-gnueabi-gcc/, /apt-get install gcc-arm-linux-gnueabi/);
});

test('run: each board names its own emulator where that is missing', async () => {
  const env = { PATH: folder };
  for (const [board, program, name] of [
    ['raspberrypi3', 'qemu-system-aarch64', 'qemu-system-arm'],
    ['orangepi-pc', 'qemu-system-arm', 'qemu-system-arm'],
    ['i686-usb', 'qemu-system-i386', 'qemu-system-x86'],
  ] as const) {
    const result = await nodeos(['run', image, '--board', board], { env });
    assertRefused(result, 'TOOL_MISSING', new RegExp(program), new RegExp(`apt-get install ${name}$`, 'm'));
  }
});

test('run: an emulator that is too old for the board says which one is needed', async () => {
  const says = 'echo "QEMU emulator version 7.2.22 (Debian)"';
  const bin = writePrograms(join(folder, 'old'), { 'qemu-system-aarch64': says, setpriv: '' });
  const result = await nodeos(['run', image, '--board', 'raspberrypi4'], { env: { PATH: bin } });
  assertRefused(result, 'EMULATOR_TOO_OLD', /7\.2/, /raspi4b/, /9\.0/, /backports/);
});

test('run: the tool that reads device trees is named where it is missing', async () => {
  const bin = writePrograms(join(folder, 'without-dtc'), { 'qemu-system-aarch64': '', setpriv: '' });
  const result = await nodeos(['run', image, '--board', 'raspberrypi3'], { env: { PATH: bin } });
  assertRefused(result, 'TOOL_MISSING', /fdtput/, /apt-get install device-tree-compiler/);
});

test('run: a board that no emulator has, a bus and a firmware that its machine lacks', async () => {
  assertRefused(await nodeos(['run', image, '--board', 'raspberrypi5']), 'HOST_UNSUPPORTED', /raspberrypi5/);
  const onBus = await nodeos(['run', image, '--board', 'orangepi-pc', '--bus', 'nvme']);
  assertRefused(onBus, 'INPUT_INVALID', /nvme/, /card slot/);
  const withUefi = await nodeos(['run', image, '--board', 'raspberrypi3', '--firmware', 'uefi']);
  assertRefused(withUefi, 'INPUT_INVALID', /uefi/);
  const withBios = await nodeos(['run', image, '--board', 'arm64-uefi', '--firmware', 'bios']);
  assertRefused(withBios, 'INPUT_INVALID', /no BIOS/);
});
