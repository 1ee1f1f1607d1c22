import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Artefact } from '../cache.ts';
import { parseBlockMap } from '../formats/block-map.ts';
import { makeFat } from '../formats/fat.ts';
import { exampleBoard } from '../plan/example-board.testing.ts';
import { imageIdentity } from '../plan/identity.ts';
import { MIB } from '../plan/layout.ts';
import { runTool } from '../run-tool.ts';
import { buildBlockMap } from './block-map.ts';
import { buildImage } from './image.ts';
import { LayerFixture } from './layer-fixture.testing.ts';
import { buildPackedImage, buildQcow2 } from './packed-image.ts';

let fixture: LayerFixture;
let image: Artefact;
let layers: { bootfs: Artefact; slot: Artefact };
before(async () => {
  fixture = await LayerFixture.make();
  const bootfs = await fixture.artefact('bootfs', { file: 'of the first partition' });
  const files = [{ path: 'grub/grub.cfg', source: join(bootfs.dir, 'file') }];
  const volume = {
    output: join(bootfs.dir, 'boot.fat'),
    bytes: 32 * MIB,
    label: 'NODEOS',
    volumeId: 1,
    modified: 0,
    files,
  };
  await makeFat(volume, new AbortController().signal);
  layers = { bootfs, slot: await fixture.artefact('slot', { 'slot.img': Buffer.alloc(5 * MIB, 'slot') }) };
  image = await buildImage(fixture.context(), {
    board: exampleBoard,
    identity: imageIdentity('test'),
    bootCode: await fixture.artefact('grub', { 'boot.bin': Buffer.alloc(440, 1), 'core.img': 'core' }),
    usersfs: await fixture.artefact('usersfs', { 'data.ext4': Buffer.alloc(MIB, 'data') }),
    ...layers,
  });
});
after(() => fixture.remove());

describe('buildPackedImage', () => {
  it('is what zstd unpacks to the disk, with the size in its header', async () => {
    const { dir } = await buildPackedImage(fixture.context(), image);
    const { stdout } = await runTool('zstd', ['--decompress', '--stdout', join(dir, 'disk.img.zst')]);
    assert.ok(stdout.equals(await readFile(join(image.dir, 'disk.img'))));
    const listed = await runTool('zstd', ['--list', '-v', join(dir, 'disk.img.zst')]);
    assert.match(listed.stdout.toString(), /Decompressed Size: .*\(322961408 B\)/);
    assert.match(listed.stdout.toString(), /Check: XXH64/);
  });

  it('has the same bytes each time', async () => {
    const [one, other] = [
      await buildPackedImage(fixture.context('one'), image),
      await buildPackedImage(fixture.context('other'), image),
    ];
    assert.ok((await readFile(join(one.dir, 'disk.img.zst'))).equals(await readFile(join(other.dir, 'disk.img.zst'))));
  });
});

describe('buildQcow2', () => {
  it('is whole to qemu-img, holds the disk and no zeros, and has the same bytes each time', async () => {
    const file = join((await buildQcow2(fixture.context('one'), image)).dir, 'disk.qcow2');
    await runTool('qemu-img', ['check', file]);
    await runTool('qemu-img', ['compare', file, join(image.dir, 'disk.img')]);
    const bytes = await readFile(file);
    assert.ok(bytes.length < 8 * MIB, `${bytes.length} bytes`);
    const again = join((await buildQcow2(fixture.context('other'), image)).dir, 'disk.qcow2');
    assert.ok(bytes.equals(await readFile(again)));
  });
});

describe('buildBlockMap', () => {
  it('maps what means something, zeros included, and every byte that is not zero', async () => {
    const map = await buildBlockMap(fixture.context(), { board: exampleBoard, image, ...layers });
    const { ranges, blockBytes, imageBytes } = parseBlockMap(
      await readFile(join(map.dir, 'disk.bmap'), 'utf8'),
      'bmap',
    );
    const isMapped = (offset: number): boolean =>
      ranges.some(({ first, last }) => offset >= first * blockBytes && offset < (last + 1) * blockBytes);
    const disk = await readFile(join(image.dir, 'disk.img'));
    assert.equal(imageBytes, disk.length);
    for (let at = 0; at < disk.length; at += 512)
      if (!isMapped(at)) assert.equal(disk.subarray(at, at + 512).equals(Buffer.alloc(512)), true, `at ${at}`);
    const mustBeZero = { 'the device record': MIB, 'free entries of a FAT': 4 * MIB + 8192, 'slot b': 164 * MIB };
    for (const [what, offset] of Object.entries(mustBeZero)) {
      assert.equal(disk[offset + 300], 0);
      assert.ok(isMapped(offset + 300), what);
    }
    assert.ok(isMapped(292 * MIB) && isMapped(308 * MIB - 1), 'the data partition');
    assert.ok(!isMapped(30 * MIB) && !isMapped(100 * MIB) && !isMapped(200 * MIB), 'free space');
  });

  it('is taken by bmaptool', async () => {
    const map = await buildBlockMap(fixture.context(), { board: exampleBoard, image, ...layers });
    const [source, target] = [join(image.dir, 'disk.img'), join(fixture.folder, 'copy')];
    await runTool('bmaptool', ['copy', '--bmap', join(map.dir, 'disk.bmap'), source, target]);
    assert.ok((await readFile(target)).equals(await readFile(source)));
  });
});
