import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { decodeMbr } from '../formats/mbr.ts';
import { exampleBoard } from '../plan/example-board.testing.ts';
import { imageIdentity } from '../plan/identity.ts';
import { MIB } from '../plan/layout.ts';
import { runTool } from '../run-tool.ts';
import { buildImage, type ImageRequest } from './image.ts';
import { LayerFixture } from './layer-fixture.testing.ts';

let fixture: LayerFixture;
let request: ImageRequest;
before(async () => {
  fixture = await LayerFixture.make();
  request = {
    board: exampleBoard,
    identity: imageIdentity('test'),
    bootCode: await fixture.artefact('grub', {
      'boot.bin': Buffer.alloc(440, 0x90),
      'core.img': Buffer.alloc(50_000, 'g'),
    }),
    bootfs: await fixture.artefact('bootfs', { 'boot.fat': 'first partition' }),
    slot: await fixture.artefact('slot', { 'slot.img': 'slot a' }),
    usersfs: await fixture.artefact('usersfs', { 'data.ext4': 'data' }),
  };
});
after(() => fixture.remove());

describe('buildImage', () => {
  it('is a disk that sfdisk verifies, with every part at its place and the rest empty', async () => {
    const { dir } = await buildImage(fixture.context(), request);
    const file = join(dir, 'disk.img');
    const verified = await runTool('sfdisk', ['--verify', file]);
    assert.match(verified.stdout.toString() + verified.stderr, /No errors detected/);
    const disk = await readFile(file);
    assert.equal(disk.length, 308 * MIB);
    assert.equal(decodeMbr(disk).signature.toString(16).padStart(8, '0'), request.identity.diskId);
    assert.equal(
      disk.subarray(0, 440).every((byte) => byte === 0x90),
      true,
    );
    assert.equal(disk.toString('latin1', 512, 516), 'gggg');
    assert.equal(disk.toString('latin1', 4 * MIB, 4 * MIB + 15), 'first partition');
    assert.equal(disk.toString('latin1', 36 * MIB, 36 * MIB + 6), 'slot a');
    assert.equal(disk.toString('latin1', 292 * MIB, 292 * MIB + 4), 'data');
    assert.equal(
      disk.subarray(MIB, 4 * MIB).every((byte) => byte === 0),
      true,
      'the device record is empty',
    );
    assert.ok((await stat(file)).blocks * 512 < MIB, 'zeros are holes');
  });

  it('refuses boot code that reaches into the device record', async () => {
    const bootCode = await fixture.artefact('grub-large', { 'boot.bin': '', 'core.img': Buffer.alloc(MIB) });
    await assert.rejects(buildImage(fixture.context(), { ...request, bootCode }), { code: 'LAYOUT_OVERLAP' });
  });
});
