import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { runTool } from '../run-tool.ts';
import { buildInitramfs } from './initramfs.ts';
import { LayerFixture } from './layer-fixture.testing.ts';

let fixture: LayerFixture;
before(async () => {
  fixture = await LayerFixture.make();
});
after(() => fixture.remove());

async function names(archive: Buffer): Promise<string[]> {
  return (await runTool('cpio', ['-t', '--quiet'], { input: archive })).stdout.toString().trim().split('\n');
}

describe('buildInitramfs', () => {
  it('is a compressed archive with init and the console', async () => {
    const init = await fixture.artefact('init', { init: 'program' });
    const { dir } = await buildInitramfs(fixture.context(), { init, modified: 1_700_000_000 });
    const bytes = await readFile(join(dir, 'initramfs.img'));
    assert.deepEqual(await names(zstdDecompressSync(bytes)), ['dev', 'dev/console', 'init']);
  });

  it('holds the firmware of drivers where the kernel looks for it', async () => {
    const init = await fixture.artefact('init', { init: 'program' });
    const { dir: blobs } = await fixture.artefact('blobs', { chip: 'blob', radio: 'blob' });
    const firmware = new Map([
      ['/usr/lib/firmware/brcm/chip.bin', join(blobs, 'chip')],
      ['/usr/lib/firmware/brcm/radio.txt', join(blobs, 'radio')],
    ]);
    const { dir } = await buildInitramfs(fixture.context(), { init, modified: 1_700_000_000, firmware });
    const archive = zstdDecompressSync(await readFile(join(dir, 'initramfs.img')));
    const paths = ['dev', 'dev/console', 'init', 'lib', 'lib/firmware', 'lib/firmware/brcm'];
    assert.deepEqual(await names(archive), [...paths, 'lib/firmware/brcm/chip.bin', 'lib/firmware/brcm/radio.txt']);
  });

  it('holds a root in a second archive, at a multiple of four bytes', async () => {
    const init = await fixture.artefact('init', { init: 'program' });
    const rootfs = await fixture.artefact('rootfs', { 'rootfs.sqfs': 'hsqs and more' });
    const { dir } = await buildInitramfs(fixture.context(), { init, modified: 1_700_000_000, rootfs });
    const bytes = await readFile(join(dir, 'initramfs.img'));
    const second = bytes.indexOf('070701', 'latin1');
    assert.equal(second % 4, 0);
    assert.deepEqual(await names(bytes.subarray(second)), ['rootfs.sqfs']);
  });
});
