import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { boardSchema } from '@nodeos/contracts/board.ts';
import type { DiskSource } from './machine.ts';
import { startRestarting } from './restarting.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-restarting-'));
after(() => rmSync(folder, { recursive: true }));
const skip = process.env.CI === undefined && !existsSync('/usr/bin/qemu-system-x86_64') && 'QEMU is not installed';

/** A Linux kernel's header (Documentation/arch/x86/boot.rst, protocol 2.00) with code that resets through the keyboard controller. */
function resettingKernel(): string {
  const path = join(folder, 'kernel');
  const image = Buffer.alloc(2048);
  image[0x1f1] = 1; // one sector of setup code after the first
  image.writeUInt16LE(0xaa55, 0x1fe);
  image.write('HdrS', 0x202);
  image.writeUInt16LE(0x0200, 0x206);
  // mov $0x3f8,%dx; mov $'R',%al; out; mov $'\n',%al; out; mov $0xfe,%al; out %al,$0x64; hlt
  Buffer.from('eb3c', 'hex').copy(image, 0x200);
  Buffer.from('baf803b052eeb00aeeb0fee664f4', 'hex').copy(image, 0x23e);
  writeFileSync(path, image);
  return path;
}

test('a reset starts what the firmware finds then; the console goes on; a second fault says why it ends', {
  skip,
}, async () => {
  const disk = join(folder, 'disk.img');
  writeFileSync(disk, Buffer.alloc(1_048_576));
  const kernel = resettingKernel();
  let loads = 0;
  const load = async (): Promise<DiskSource> => {
    loads++;
    if (loads === 3) throw new Error('no boot files');
    const firmware = { kind: 'loaded', kernel, initramfs: null, commandLine: `start=${loads}` } as const;
    return { kind: 'disk', path: disk, bus: 'virtio', firmware };
  };
  const machine = { system: 'qemu-system-x86_64', machine: 'q35', cpu: 'max', memoryMiB: 64, devices: [] };
  const emulator = await startRestarting(
    {
      emulate: boardSchema.shape.emulate.unwrap().parse(machine),
      memoryMiB: 64,
      cacheRoot: join(folder, 'cache'),
      logPath: join(folder, 'console.log'),
    },
    load,
  );
  await emulator.ended;
  assert.equal(loads, 3);
  assert.equal(emulator.console.lines.filter(({ text }) => /R$/.test(text)).length, 2);
  await assert.rejects(emulator.console.expect(/never/, 1_000, 'more'), /does not start again: no boot files/);
});
