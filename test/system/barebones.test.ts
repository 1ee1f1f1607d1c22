import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { startEmulator } from '@nodeos/firmware/emulate/qemu.ts';
import { build, sharedCache } from '../support/build.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-barebones-'));
after(() => rmSync(folder, { recursive: true }));
const BOOT_LIMIT_MS = 120_000;
const ANSWER_LIMIT_MS = 30_000;

test('barebones boots in 256 MB to a prompt of Node.js that answers what is typed', async () => {
  const { files } = await build(['--layer', 'barebones', '--out', folder]);
  const board = await loadBoard('x86_64-usb');
  assert.ok(board.emulate && files.kernel && files.initramfs);
  const emulator = await startEmulator({
    emulate: board.emulate,
    source: {
      kind: 'kernel',
      kernel: files.kernel,
      initramfs: files.initramfs,
      commandLine: readFileSync(join(dirname(files.kernel), 'command-line'), 'utf8').trim(),
    },
    memoryMiB: 256,
    network: false,
    cacheRoot: sharedCache(),
    logPath: join(folder, 'console.log'),
  });
  try {
    const { console } = emulator;
    await console.expect(/^> $/, BOOT_LIMIT_MS, 'expected the prompt of Node.js');
    const ask = async (text: string, answer: RegExp): Promise<void> => {
      const from = console.position;
      console.write(`${text}\r`);
      await console.expect(answer, ANSWER_LIMIT_MS, `expected the answer to ${text}`, from);
    };
    await ask('1+1', /^2$/);
    await ask('process.version', /^'v24\.\d+\.\d+'$/);
    await ask('process.pid > 0 && os.totalmem() < 256 * 2 ** 20', /^true$/);
  } finally {
    await emulator.stop();
  }
});
