import assert from 'node:assert/strict';
import { closeSync, copyFileSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { bootImage } from '@nodeos/firmware/emulate/boot-image.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { STORY_LIMITS } from 'nodeos/demo/context.ts';
import { build, sharedCache } from '../support/build.ts';
import { livingFor } from '../support/lifetime.ts';
import { cannotEmulate } from './life.ts';

const SECTOR = 512;
const STEP = 65_536;

/** Where a file's bytes begin in the image: its slot is a FAT that was written in one go, without holes. */
function findFile(descriptor: number, slot: { offset: number; bytes: number }, head: Buffer): number {
  const sector = Buffer.alloc(SECTOR);
  for (let at = slot.offset; at < slot.offset + slot.bytes; at += SECTOR) {
    readSync(descriptor, sector, 0, SECTOR, at);
    if (sector.subarray(0, head.length).equals(head)) return at;
  }
  throw new Error('the root is not in the slot');
}

test('a root with hashes runs; where the medium returns other bytes the kernel says so and runs none of them', async (t) => {
  const skip = await cannotEmulate('x86_64-usb');
  if (skip !== false) return t.skip(skip);
  await livingFor('verity', async ({ folder, signal, watch }) => {
    const board = { ...(await loadBoard('x86_64-usb')), name: 'x86_64-sealed', verity: true };
    const { emulate } = board;
    assert.ok(emulate !== null);
    const path = join(folder, 'x86_64-sealed.json');
    writeFileSync(path, JSON.stringify(board));
    const { files } = await build(['--board', path, '--out', folder]);
    const image = files.image as string;
    const boot = async (disk: string) => {
      const options = { emulate, image: disk, folder, cacheRoot: sharedCache(), signal };
      const { emulator } = await bootImage(options);
      watch(emulator);
      return emulator;
    };

    await t.test('as it was built it boots', async () => {
      const { console, stop } = await boot(image);
      await console.expect(/doing +running its apps/, STORY_LIMITS.bootMs, 'the running agent');
      assert.doesNotMatch(console.lines.map(({ text }) => text).join('\n'), /is corrupted/);
      await stop();
    });

    await t.test('with one bit of each 64 KiB changed the kernel refuses the blocks', async () => {
      const damaged = join(folder, 'damaged.img');
      copyFileSync(image, damaged);
      const { partitiontable } = JSON.parse((await runTool('sfdisk', ['--json', image])).stdout.toString());
      const { start, size } = partitiontable.partitions[1];
      const descriptor = openSync(damaged, 'r+');
      const slot = { offset: start * SECTOR, bytes: size * SECTOR };
      const begin = findFile(descriptor, slot, Buffer.from('hsqs'));
      const byte = Buffer.alloc(1);
      const bytes = 32 * 1_048_576;
      for (let at = begin + STEP; at < begin + bytes; at += STEP) {
        readSync(descriptor, byte, 0, 1, at);
        byte.writeUInt8(byte.readUInt8() ^ 1);
        writeSync(descriptor, byte, 0, 1, at);
      }
      closeSync(descriptor);
      const { console, stop } = await boot(damaged);
      await console.expect(/verity: 7:0: data block \d+ is corrupted/, STORY_LIMITS.bootMs, 'the word of the kernel');
      assert.doesNotMatch(console.lines.map(({ text }) => text).join('\n'), /running its apps/);
      await stop();
    });
  });
});
