import assert from 'node:assert/strict';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { runTool } from '../run-tool.ts';
import { MIB, temporaryFolder, testImage } from './flash.testing.ts';
import { imageBoard } from './image-board.ts';
import type { ImageFacts } from './image-source.ts';

const MANIFEST = {
  ...{ format: 1, board: 'raspberrypi4', version: '1.0.0', buildTime: 0, kernelRelease: '6.12', nodeVersion: '24.0.0' },
  ...{ boot: { chain: 'raspberrypi', trial: 'one-shot' }, commandLine: '', files: {} },
};

/** A disk of two FAT partitions, of which the second holds the given manifest. */
async function diskWith(t: Parameters<typeof temporaryFolder>[0], manifest: string): Promise<ImageFacts> {
  const folder = await temporaryFolder(t);
  const { path, bytes } = await testImage(folder, 0);
  const slot = join(folder, 'slot.fat');
  await runTool('mkfs.vfat', ['-C', '-F', '16', '-s', '1', slot, String(8 * 1024)]);
  await writeFile(join(folder, 'manifest.json'), manifest);
  await runTool('mcopy', ['-i', slot, join(folder, 'manifest.json'), '::/manifest.json']);
  await runTool('dd', [`if=${slot}`, `of=${path}`, 'bs=1M', 'seek=9', 'conv=notrunc', 'status=none']);
  const partitions = [
    { offset: MIB, bytes: 8 * MIB, fat: true },
    { offset: 9 * MIB, bytes: 8 * MIB, fat: true },
  ];
  return { path, compressed: false, bytes, sha256: null, map: null, partitions };
}

test('the first slot of an image says which board it is for', async (t) => {
  assert.equal(imageBoard(await diskWith(t, JSON.stringify(MANIFEST))), 'raspberrypi4');
});

test('where that cannot be seen, nothing is said', async (t) => {
  const facts = await diskWith(t, '{"board": "abacus"}');
  assert.equal(imageBoard(facts), null, 'another manifest');
  assert.equal(imageBoard({ ...facts, compressed: true }), null, 'a packed image');
  assert.equal(imageBoard({ ...facts, partitions: facts.partitions.slice(0, 1) }), null, 'no slot');
  const disk = await open(facts.path, 'r+');
  await disk.write(Buffer.alloc(512, 0xff), 0, 512, 9 * MIB);
  await disk.close();
  assert.equal(imageBoard(facts), null, 'no file system');
});
