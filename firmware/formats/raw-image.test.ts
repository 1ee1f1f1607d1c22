import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runTool } from '../run-tool.ts';
import { encodeMbr } from './mbr.ts';
import { imageKind, unpackImage } from './raw-image.ts';

const MIB = 1024 * 1024;
const disk = Buffer.concat([
  encodeMbr({ signature: 1, partitions: [] }),
  Buffer.alloc(3 * MIB - 512),
  Buffer.alloc(MIB, 7),
]);
let folder: string;
let raw: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeos-raw-image-'));
  raw = join(folder, 'disk.img');
  await writeFile(raw, disk);
  await runTool('zstd', ['-q', raw, '-o', `${raw}.zst`]);
  await runTool('qemu-img', ['convert', '-O', 'qcow2', raw, join(folder, 'disk.qcow2')]);
});
after(() => rm(folder, { recursive: true, force: true }));

describe('imageKind', () => {
  it('knows images by what is in them, not by their names', async () => {
    assert.equal(await imageKind(raw), 'img');
    assert.equal(await imageKind(`${raw}.zst`), 'img.zst');
    assert.equal(await imageKind(join(folder, 'disk.qcow2')), 'qcow2');
    await runTool('tar', ['--create', '--file', join(folder, 'x'), '--directory', folder, 'disk.img']);
    assert.equal(await imageKind(join(folder, 'x')), 'tar');
    const disc = Buffer.concat([disk]);
    disc.write('CD001', 32_769);
    await writeFile(join(folder, 'x'), disc);
    assert.equal(await imageKind(join(folder, 'x')), 'iso');
  });

  it('refuses what is none, and what cannot be read', async () => {
    await writeFile(join(folder, 'x'), 'a letter');
    await assert.rejects(imageKind(join(folder, 'x')), { code: 'INPUT_INVALID' });
    await assert.rejects(imageKind(join(folder, 'none')), { code: 'FILE_UNREADABLE' });
  });
});

describe('unpackImage', () => {
  for (const [kind, name] of [
    ['img.zst', 'disk.img.zst'],
    ['qcow2', 'disk.qcow2'],
  ] as const) {
    it(`gives the disk in an ${kind}, zeros as holes`, async () => {
      const output = join(folder, 'unpacked.img');
      await unpackImage(join(folder, name), kind, output);
      assert.deepEqual(await readFile(output), disk);
      assert.ok((await stat(output)).blocks * 512 < 2 * MIB);
    });
  }

  it('keeps a disk that ends in zeros as long as it was', async () => {
    await writeFile(raw, Buffer.alloc(MIB + 512));
    await runTool('zstd', ['-q', '-f', raw, '-o', join(folder, 'zeros.zst')]);
    await unpackImage(join(folder, 'zeros.zst'), 'img.zst', join(folder, 'unpacked.img'));
    assert.equal((await stat(join(folder, 'unpacked.img'))).size, MIB + 512);
  });

  it('says that an image is damaged, or not there', async () => {
    const packed = await readFile(join(folder, 'disk.img.zst'));
    for (const [name, bytes] of [
      ['cut', packed.subarray(0, packed.length - 20)],
      ['changed', Buffer.from(packed).fill(0xff, 20, 40)],
    ] as const) {
      await writeFile(join(folder, name), bytes);
      const unpacked = unpackImage(join(folder, name), 'img.zst', join(folder, 'unpacked.img'));
      await assert.rejects(unpacked, { code: 'INPUT_INVALID', message: /damaged/ }, name);
    }
    const missing = unpackImage(join(folder, 'none'), 'img.zst', join(folder, 'unpacked.img'));
    await assert.rejects(missing, { code: 'FILE_UNREADABLE' });
  });
});
