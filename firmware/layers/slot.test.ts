import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openFat } from '@nodeos/contracts/fat.ts';
import { slotManifestSchema } from '@nodeos/contracts/slot-manifest.ts';
import { exampleBoard } from '../plan/example-board.testing.ts';
import { imageIdentity } from '../plan/identity.ts';
import { runTool } from '../run-tool.ts';
import { LayerFixture } from './layer-fixture.testing.ts';
import { buildSlot, type SlotRequest } from './slot.ts';

let fixture: LayerFixture;
let request: SlotRequest;
before(async () => {
  fixture = await LayerFixture.make();
  request = {
    board: exampleBoard,
    systemVersion: '1.2.3',
    identity: imageIdentity('test'),
    kernel: await fixture.artefact('kernel', { kernel: 'bzImage', version: '6.12.1-nodeos\n' }),
    initramfs: await fixture.artefact('initramfs', { 'initramfs.img': 'cpio' }),
    rootfs: await fixture.artefact('rootfs', { 'rootfs.sqfs': Buffer.alloc(3_000_000, 'r') }),
    bootCode: await fixture.artefact('boot-code', {
      'bootcode.bin': 'second stage',
      'start.elf': 'third stage',
      'bl31.bin': 'stub',
    }),
    deviceTrees: await fixture.artefact('device-trees', { 'one.dtb': 'tree', 'overlays/pins.dtbo': 'overlay' }),
    nodeVersion: '24.0.0',
    trustRoot: Buffer.from('{"signed":{}}'),
    buildTime: 1_700_000_000,
  };
});
after(() => fixture.remove());

async function readSlot(dir: string): Promise<ReturnType<typeof openFat>> {
  const bytes = await readFile(join(dir, 'slot.img'));
  return openFat((offset, length) => bytes.subarray(offset, offset + length));
}

describe('buildSlot', () => {
  it('holds every file, and a manifest with the hash of every other file', async () => {
    const { dir } = await buildSlot(fixture.context(), request);
    await runTool('fsck.fat', ['-n', join(dir, 'slot.img')]);
    const volume = await readSlot(dir);
    const manifest = slotManifestSchema.parse(JSON.parse(volume.readFile('/manifest.json').toString()));
    assert.equal(manifest.version, '1.2.3');
    assert.equal(manifest.kernelRelease, '6.12.1-nodeos');
    assert.equal(manifest.buildTime, 1_700_000_000);
    const names = volume.list('/').map((entry) => entry.name);
    assert.deepEqual(names.filter((name) => name !== 'manifest.json').sort(), Object.keys(manifest.files).sort());
    for (const [name, { bytes, sha256 }] of Object.entries(manifest.files)) {
      const content = volume.readFile(`/${name}`, 8_000_000);
      assert.equal(content.length, bytes);
      assert.equal(createHash('sha256').update(content).digest('hex'), sha256, name);
    }
    assert.ok(manifest.files['root.json']);
  });

  it('has the same bytes when made again, and other bytes for another version', async () => {
    const image = async (cache: string, systemVersion: string): Promise<Buffer> =>
      readFile(join((await buildSlot(fixture.context(cache), { ...request, systemVersion })).dir, 'slot.img'));
    const first = await image('first', '1.2.3');
    assert.ok(first.equals(await image('second', '1.2.3')));
    assert.ok(!first.equals(await image('second', '1.2.4')));
  });

  it('has no root of trust where none is given', async () => {
    const { dir } = await buildSlot(fixture.context(), { ...request, trustRoot: null });
    assert.equal((await readSlot(dir)).find('/root.json'), null);
  });

  it('refuses a system that is larger than the slot, with both sizes, and leaves nothing in the cache', async () => {
    const board = { ...exampleBoard, partitions: { ...exampleBoard.partitions, slotMiB: 32 } };
    const rootfs = await fixture.artefact('large', { 'rootfs.sqfs': Buffer.alloc(33 * 1024 * 1024) });
    const attempt = (): Promise<unknown> => buildSlot(fixture.context('small'), { ...request, board, rootfs });
    await assert.rejects(attempt, { code: 'SLOT_TOO_SMALL', message: /slot of 33920 KiB.* have 32 MiB/ });
    await assert.rejects(attempt, { code: 'SLOT_TOO_SMALL' });
  });
});
