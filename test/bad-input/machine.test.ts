import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort } from '@nodeos/firmware/emulate/ports.ts';
import { nodeos } from '../support/command.ts';
import { assertRefused } from '../support/refusal.ts';
import { testFolder, writeEmptyDisk } from '../support/test-files.ts';

const folder = testFolder('machine');
const noImage = join(folder, 'text.img');
writeFileSync(noImage, 'this is no image');
const empty = writeEmptyDisk(join(folder, 'empty.img'));

test('run: an image that does not exist', async () => {
  assertRefused(await nodeos(['run', join(folder, 'gone.img')]), 'FILE_UNREADABLE', /gone\.img/);
});

test('run: a file that is no image', async () => {
  assertRefused(await nodeos(['run', noImage]), 'INPUT_INVALID', /text\.img is no image/);
});

test('run: a board that does not exist', async () => {
  assertRefused(await nodeos(['run', empty, '--board', 'toaster']), 'BOARD_UNKNOWN', /toaster/);
});

test('run: options that fit nothing are named', async () => {
  assertRefused(await nodeos(['run', empty, '--forward', '8080']), 'INPUT_INVALID', /--forward 8080/);
  assertRefused(await nodeos(['run', empty, '--bus', 'floppy']), 'INPUT_INVALID', /--bus floppy/);
  assertRefused(await nodeos(['run', empty, '--memory', 'lots']), 'INPUT_INVALID', /--memory lots/);
  assertRefused(await nodeos(['run', empty, '--firmware', 'none']), 'INPUT_INVALID', /--firmware none/);
});

test('run: a fleet file that does not fit names the field', async () => {
  const path = join(folder, 'fleet.json');
  writeFileSync(path, JSON.stringify({ server: 'http://plain', broker: 'mqtts://x:1', ca: 'x', claimToken: 'short' }));
  assertRefused(await nodeos(['run', empty, '--fleet', path]), 'INPUT_INVALID', /server/, /claimToken/);
});

test('run and server: a port in use is named with the way out', async () => {
  const port = await freePort();
  const server = createServer().listen(port, '127.0.0.1');
  try {
    assertRefused(await nodeos(['run', empty, '--forward', `${port}:80`]), 'PORT_IN_USE', new RegExp(String(port)));
    assertRefused(await nodeos(['demo', '--port', String(port)]), 'PORT_IN_USE', new RegExp(String(port)));
  } finally {
    server.close();
  }
});

test('run: QEMU that is not installed is named with its package', async () => {
  const result = await nodeos(['run', empty], { env: { PATH: folder } });
  assertRefused(result, 'TOOL_MISSING', /qemu-system-x86_64/, /apt-get install qemu-system-x86/);
});
