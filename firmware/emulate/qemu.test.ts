import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { boardSchema } from '@nodeos/contracts/board.ts';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { chooseAccelerator } from './accelerator.ts';
import { copyDisk } from './disk-copy.ts';
import { assertPortFree, freePort } from './ports.ts';
import { type EmulatorOptions, startEmulator } from './qemu.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-qemu-'));
after(() => rmSync(folder, { recursive: true }));
const skip = process.env.CI === undefined && !existsSync('/usr/bin/qemu-system-x86_64') && 'QEMU is not installed';

/** A machine whose disk holds nothing to boot: it stays in its firmware. */
function idleMachine(changes: Partial<EmulatorOptions> = {}): EmulatorOptions {
  const path = join(folder, 'empty.img');
  writeFileSync(path, Buffer.alloc(1_048_576));
  return {
    emulate: boardSchema.shape.emulate.unwrap().parse({
      system: 'qemu-system-x86_64',
      machine: 'q35,graphics=off',
      cpu: 'max',
      memoryMiB: 64,
      devices: [],
    }),
    source: { kind: 'disk', path, bus: 'virtio', firmware: { kind: 'bios' } },
    memoryMiB: 64,
    cacheRoot: join(folder, 'cache'),
    logPath: join(folder, 'console.log'),
    ...changes,
  };
}

test('the accelerator is one that booted something, and the answer is kept', { skip }, async () => {
  const first = await chooseAccelerator(join(folder, 'cache'), 'qemu-system-x86_64');
  const kept = JSON.parse(await readFile(join(folder, 'cache', 'accelerator-qemu-system-x86_64.json'), 'utf8'));
  assert.equal(kept.accelerator, first.accelerator);
  const before = performance.now();
  assert.deepEqual(
    (await chooseAccelerator(join(folder, 'cache'), 'qemu-system-x86_64')).accelerator,
    first.accelerator,
  );
  assert.ok(performance.now() - before < 200);
});

test('a machine starts, talks on its console and over QMP, and stops', { skip }, async () => {
  const emulator = await startEmulator(idleMachine());
  await emulator.console.expect(/SeaBIOS/, 30_000, 'the firmware’s banner');
  assert.match(JSON.stringify(await emulator.qmp.execute('query-status')), /running/);
  await emulator.stop();
  assert.throws(() => process.kill(emulator.pid, 0));
});

test('QEMU’s own words are in the error when it cannot start', { skip }, async () => {
  const emulate = { ...idleMachine().emulate, devices: ['-device', 'no-such-device'] };
  await assert.rejects(startEmulator(idleMachine({ emulate })), /no-such-device/);
});

test('a forwarded port that is taken is named', { skip }, async () => {
  const port = await freePort();
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await assert.rejects(
      startEmulator(idleMachine({ forwards: [{ host: port, guest: 80 }] })),
      (error) => isNodeosError(error) && error.code === 'PORT_IN_USE' && error.message.includes(String(port)),
    );
    await assert.rejects(assertPortFree(port, '--port'), /\(--port\)/);
  } finally {
    server.close();
  }
});

test('QEMU ends when the process that started it is killed', { skip }, async () => {
  const script = `import { startEmulator } from ${JSON.stringify(join(import.meta.dirname, 'qemu.ts'))};
    const emulator = await startEmulator(${JSON.stringify(idleMachine())});
    console.log(emulator.pid); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: import.meta.dirname,
  });
  const pid = await new Promise<number>((resolve) => child.stdout.once('data', (chunk) => resolve(Number(chunk))));
  assert.ok(pid > 0);
  process.kill(pid, 0);
  child.kill('SIGKILL');
  const limit = performance.now() + 10_000;
  for (;;) {
    const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
    if (state === null || state.includes(') Z ')) break;
    assert.ok(performance.now() < limit, 'QEMU lives on');
    await new Promise((resolve) => setImmediate(resolve));
  }
});

test('a disk copy has the same bytes, leaves out zeros and is as large as the medium', async () => {
  const image = Buffer.alloc(3 * 1_048_576 + 512);
  image.write('in the third block', 2 * 1_048_576 + 7);
  image.write('at the end', image.length - 100);
  writeFileSync(join(folder, 'source.img'), image);
  await copyDisk(join(folder, 'source.img'), join(folder, 'copy.img'), 8 * 1_048_576);
  const copy = await readFile(join(folder, 'copy.img'));
  assert.equal(copy.length, 8 * 1_048_576);
  assert.ok(copy.subarray(0, image.length).equals(image));
  await assert.rejects(copyDisk(join(folder, 'missing.img'), join(folder, 'x'), 0), /cannot be read/);
});
