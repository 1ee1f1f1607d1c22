import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { freePort } from '@nodeos/firmware/emulate/ports.ts';
import { nodeos } from '../support/command.ts';
import { assertRefused } from '../support/refusal.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-machine-'));
after(() => rmSync(folder, { recursive: true }));
const noImage = join(folder, 'text.img');
writeFileSync(noImage, 'this is no image');

test('run: an image that does not exist', async () => {
  assertRefused(await nodeos(['run', join(folder, 'gone.img')]), 'FILE_UNREADABLE', /gone\.img/);
});

test('run: a board that does not exist', async () => {
  assertRefused(await nodeos(['run', noImage, '--board', 'toaster']), 'BOARD_UNKNOWN', /toaster/);
});

test('run: options that fit nothing are named', async () => {
  assertRefused(await nodeos(['run', noImage, '--forward', '8080']), 'INPUT_INVALID', /--forward 8080/);
  assertRefused(await nodeos(['run', noImage, '--bus', 'floppy']), 'INPUT_INVALID', /--bus floppy/);
  assertRefused(await nodeos(['run', noImage, '--memory', 'lots']), 'INPUT_INVALID', /--memory lots/);
  assertRefused(await nodeos(['run', noImage, '--firmware', 'none']), 'INPUT_INVALID', /--firmware none/);
});

test('run: a fleet file that does not fit names the field', async () => {
  const path = join(folder, 'fleet.json');
  writeFileSync(path, JSON.stringify({ server: 'http://plain', broker: 'mqtts://x:1', ca: 'x', claimToken: 'short' }));
  assertRefused(await nodeos(['run', noImage, '--fleet', path]), 'INPUT_INVALID', /server/, /claimToken/);
});

test('run and server: a port in use is named with the way out', async () => {
  const port = await freePort();
  const server = createServer().listen(port, '127.0.0.1');
  try {
    assertRefused(await nodeos(['run', noImage, '--forward', `${port}:80`]), 'PORT_IN_USE', new RegExp(String(port)));
    assertRefused(await nodeos(['demo', '--port', String(port)]), 'PORT_IN_USE', new RegExp(String(port)));
  } finally {
    server.close();
  }
});

test('run: QEMU that is not installed is named with its package', async () => {
  const result = await nodeos(['run', noImage], { env: { PATH: folder } });
  assertRefused(result, 'TOOL_MISSING', /qemu-system-x86_64/, /apt-get install qemu-system-x86/);
});
