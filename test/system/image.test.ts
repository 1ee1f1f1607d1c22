import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { encodeDeviceRecord } from '@nodeos/contracts/device-record.ts';
import { parseEnvironmentBlock } from '@nodeos/contracts/grub-environment.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { bootImage } from '@nodeos/firmware/emulate/boot-image.ts';
import { readBootFile } from '@nodeos/firmware/emulate/fleet-partition.ts';
import type { DiskBus } from '@nodeos/firmware/emulate/machine.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { type Built, build, sharedCache } from '../support/build.ts';

const MIB = 1_048_576;
const BOOT_LIMIT_MS = 180_000;
const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-image-'));
after(() => rmSync(folder, { recursive: true }));
let built: Built;
let image: string;

before(async () => {
  built = await build(['--out', folder]);
  image = built.files.image as string;
});

/** Copies a piece of the image to a file of its own, for programs that know no offset. */
async function cut(name: string, offsetMiB: number, sizeMiB: number): Promise<string> {
  const path = join(folder, name);
  const [source, target] = [await open(image, 'r'), await open(path, 'w')];
  try {
    const block = Buffer.alloc(MIB);
    for (let index = 0; index < sizeMiB; index++) {
      await source.read(block, 0, MIB, (offsetMiB + index) * MIB);
      await target.write(block, 0, MIB, index * MIB);
    }
  } finally {
    await source.close();
    await target.close();
  }
  return path;
}

test('sfdisk finds no fault in the partition table: four partitions where they are planned', async () => {
  await runTool('sfdisk', ['--verify', image]);
  const { stdout } = await runTool('sfdisk', ['--json', image]);
  const { partitiontable: table } = JSON.parse(stdout.toString());
  assert.equal(table.label, 'dos');
  assert.equal(table.id, `0x${built.diskId}`);
  assert.deepEqual(
    table.partitions.map((entry: { start: number; size: number }) => [entry.start / 2048, entry.size / 2048]),
    [
      [4, 32],
      [36, 128],
      [164, 128],
      [292, 16],
    ],
  );
  assert.deepEqual(
    table.partitions.map((entry: { bootable?: boolean }) => entry.bootable ?? false),
    [true, false, false, false],
  );
});

test('fsck.fat finds no fault in the boot partition and the slot', async () => {
  await runTool('fsck.fat', ['-n', await cut('p1', 4, 32)]);
  await runTool('fsck.fat', ['-n', await cut('p2', 36, 128)]);
  await runTool('fsck.fat', ['-n', built.files.slot as string]);
});

test('e2fsck finds no fault in the data partition', async () => {
  const { stdout } = await runTool('e2fsck', ['-f', '-n', await cut('p4', 292, 16)]);
  assert.match(stdout.toString(), /nodeos-data: \d+\/\d+ files/);
});

test('unsquashfs reads the root: Node and the agent, no shell, no busybox, no setuid program', async () => {
  const root = join(folder, 'rootfs.sqfs');
  await runTool('mcopy', ['-i', built.files.slot as string, '::/rootfs.sqfs', root]);
  await runTool('unsquashfs', ['-s', root]);
  const listing = (await runTool('unsquashfs', ['-ll', '-d', '', root])).stdout.toString().split('\n');
  const paths = listing.map((line) => line.split(/\s+/).slice(5).join(' ').split(' -> ')[0]);
  for (const path of ['/usr/bin/node', '/usr/lib/nodeos/agent.js', '/usr/lib/nodeos/launcher', '/usr/sbin/dhcpcd'])
    assert.ok(paths.includes(path), `${path} is missing`);
  assert.deepEqual(
    paths.filter((path) => /\/(sh|bash|dash|busybox|apt|dpkg|perl|python3?)$/.test(path ?? '')),
    [],
  );
  assert.deepEqual(
    listing.filter((line) => /^-..[sS]|^-.....[sS]/.test(line)),
    [],
  );
});

test('the slot holds what the boot needs, and its image is at most 40 MB', async () => {
  const { stdout } = await runTool('mdir', ['-b', '-i', built.files.slot as string, '::/']);
  for (const name of ['kernel', 'initramfs.img', 'rootfs.sqfs', 'manifest.json', 'slot.cfg'])
    assert.match(stdout.toString(), new RegExp(`^::/${name.replace('.', '\\.')}$`, 'm'));
  assert.ok((built.sizes.slot ?? 0) <= 40e6, `the slot image has ${built.sizes.slot} bytes`);
});

test('the image holds no device record: no key of any device', async () => {
  const area = Buffer.alloc(MIB);
  const file = await open(image, 'r');
  await file.read(area, 0, MIB, MIB);
  await file.close();
  assert.ok(encodeDeviceRecord(1, {}).length > 0 && area.every((byte) => byte === 0));
});

const BOOTS: readonly { firmware: 'bios' | 'uefi'; bus: DiskBus; memoryMiB: number }[] = [
  { firmware: 'bios', bus: 'usb', memoryMiB: 192 },
  { firmware: 'uefi', bus: 'nvme', memoryMiB: 256 },
  { firmware: 'uefi', bus: 'sata', memoryMiB: 256 },
];

for (const { firmware, bus, memoryMiB } of BOOTS) {
  test(`the image boots to its agent: ${firmware}, ${bus}, ${memoryMiB} MB`, async () => {
    const work = mkdtempSync(join(folder, 'boot-'));
    const board = await loadBoard('x86_64-usb');
    assert.ok(board.emulate);
    const { emulator, disk } = await bootImage({
      emulate: board.emulate,
      image,
      bus,
      firmware,
      memoryMiB,
      folder: work,
      cacheRoot: sharedCache(),
    });
    try {
      await emulator.console.expect(
        /^ {2}system +x86_64-usb 1\.0\.0, slot a/,
        BOOT_LIMIT_MS,
        'expected the agent’s screen',
      );
      const attempts = parseEnvironmentBlock(await readBootFile(disk, '/grub/attempts'));
      assert.match(attempts.nodeos_attempts ?? '', /^[01]$/);
    } finally {
      await emulator.stop();
    }
  });
}
