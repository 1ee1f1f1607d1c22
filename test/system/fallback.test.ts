import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseEnvironmentBlock } from '@nodeos/contracts/grub-environment.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { bootImage } from '@nodeos/firmware/emulate/boot-image.ts';
import { readBootFile } from '@nodeos/firmware/emulate/fleet-partition.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { build, sharedCache } from '../support/build.ts';

const MIB = 1_048_576;
const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-fallback-'));
after(() => rmSync(folder, { recursive: true }));

test('a confirmed slot that fails three times is left for the other slot, and the pointer stays as it is', async () => {
  const { files } = await build(['--out', folder]);
  const other = await build(['--layer', 'slot', '--system-version', '1.1.0', '--out', folder]);
  const image = files.image as string;
  const disk = await open(image, 'r+');
  const slot = await readFile(other.files.slot as string);
  await disk.write(slot, 0, slot.length, 164 * MIB);
  await disk.close();
  // Without its root, slot a's init stops before anything of ours could report.
  await runTool('mdel', ['-i', `${image}@@${36 * MIB}`, '::/rootfs.sqfs']);

  const { emulate } = await loadBoard('x86_64-usb');
  assert.ok(emulate);
  const machine = await bootImage({ emulate, image, inPlace: true, folder, cacheRoot: sharedCache(), memoryMiB: 192 });
  const { console } = machine.emulator;
  try {
    await console.expect(/^ {2}system +x86_64-usb 1\.1\.0, slot b/, 240_000, 'expected the system of slot b');
    const tries = console.lines.filter(({ text }) => /NodeOS: slot a, attempt [123]/.test(text));
    const failures = console.lines.filter(({ text }) => /^init: cannot go on: /.test(text));
    assert.deepEqual([tries.length, failures.length], [3, 3]);
    const pointer = parseEnvironmentBlock(await readBootFile(machine.disk, '/grub/grubenv'));
    assert.equal(pointer.nodeos_slot, 'a');
  } finally {
    await machine.emulator.stop();
  }
});
