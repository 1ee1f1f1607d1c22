import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Board } from '@nodeos/contracts/board.ts';
import { decodeMbr } from '../formats/mbr.ts';
import { exampleBoard } from '../plan/example-board.testing.ts';
import { imageIdentity } from '../plan/identity.ts';
import { isoBoard } from '../plan/iso.ts';
import { MIB } from '../plan/layout.ts';
import { runTool } from '../run-tool.ts';
import { buildIso, type IsoRequest } from './iso.ts';
import { LayerFixture } from './layer-fixture.testing.ts';

const identity = imageIdentity('disc');
let fixture: LayerFixture;
let request: IsoRequest;
let disc: Buffer;
let path: string;
before(async () => {
  fixture = await LayerFixture.make();
  request = {
    ...{ board: isoBoard(exampleBoard), identity, app: null, modified: 1_700_000_000 },
    bootCode: await fixture.artefact('grub', {
      'boot.bin': Buffer.alloc(440, 0x90),
      'core.img': Buffer.alloc(50_000, 'g'),
    }),
    discLoader: await fixture.artefact('disc-loader', {
      'disc.img': Buffer.alloc(6001, 1),
      'efi.fat': 'volume for UEFI',
    }),
    bootfs: await fixture.artefact('bootfs', { 'boot.fat': 'first partition' }),
    slot: await fixture.artefact('slot', { 'slot.img': 'slot a' }),
    usersfs: await fixture.artefact('usersfs', { 'data.ext4': 'data' }),
  };
  path = join((await buildIso(fixture.context(), request)).dir, 'disc.iso');
  disc = await readFile(path);
});
after(() => fixture.remove());

async function extract(name: string): Promise<Buffer> {
  const target = join(fixture.folder, name);
  await runTool('xorriso', ['-indev', path, '-osirrox', 'on', '-extract', `/${name}`, target]);
  return readFile(target);
}

describe('buildIso, as a disk', () => {
  it('has a partition table that sfdisk verifies, its own signature and the parts at their places', async () => {
    const verified = await runTool('sfdisk', ['--verify', path]);
    assert.match(verified.stdout.toString() + verified.stderr, /No errors detected/);
    const mbr = decodeMbr(disc);
    assert.equal(mbr.signature.toString(16).padStart(8, '0'), identity.diskId);
    const texts = ['first partition', 'slot a', '', 'data'];
    for (const [index, { start }] of mbr.partitions.entries()) {
      const text = texts[index] ?? '';
      assert.equal(disc.toString('latin1', start * 512, start * 512 + text.length), text);
    }
    assert.ok(
      disc.subarray(MIB, MIB + 131_072).every((byte) => byte === 0),
      'the device record is empty',
    );
  });

  it('is started by a boot sector that names where the core image is, and that where its rest is', () => {
    const core = Number(disc.readBigUInt64LE(0x5c));
    assert.equal(disc.toString('latin1', core * 512, core * 512 + 4), 'gggg');
    assert.equal(disc.readBigUInt64LE(core * 512 + 500), BigInt(core + 1));
  });
});

describe('buildIso, as a disc', () => {
  it('is started by BIOS and UEFI from where the loaders are', async () => {
    const { stdout } = await runTool('xorriso', ['-indev', path, '-report_el_torito', 'plain']);
    const sectorOf = (platform: string): number =>
      Number(new RegExp(`boot img : +\\d +${platform} .* (\\d+)$`, 'm').exec(stdout.toString())?.[1]);
    const [bios, uefi] = [sectorOf('BIOS') * 2048, sectorOf('UEFI') * 2048];
    assert.equal(disc.toString('latin1', uefi, uefi + 15), 'volume for UEFI');
    assert.equal(disc[bios], 1);
    // mkisofs(8), -boot-info-table: first sector of the volume, of the file, its length, the sum of its words from 64 on.
    const table = [0, 4, 8, 12].map((at) => disc.readUInt32LE(bios + 8 + at));
    const words = (6004 - 64) / 4;
    const sum = (words - 1) * 0x01010101 + 0x00000001;
    assert.deepEqual(table, [16, bios / 2048, 6004, sum % 2 ** 32]);
  });

  it('has the files that its script names: the disk up to the end of the slot, the slot, the data folder', async () => {
    const script = (await extract('GRUB.CFG')).toString();
    assert.match(script, new RegExp(`nodeos\\.disk=${identity.diskId} nodeos\\.slot=a nodeos\\.mode=disc`));
    assert.equal((await extract('SLOT.IMG')).toString(), 'slot a');
    const head = await extract('DISK.IMG');
    assert.ok(head.equals(disc.subarray(0, head.length)));
    assert.equal(head.toString('latin1', head.length - 6), 'slot a');
    const listed = await runTool('cpio', ['--list', '--quiet'], { input: await extract('DATA.CPI') });
    assert.deepEqual(listed.stdout.toString().trim().split('\n'), ['data', 'data/.system', 'data/users']);
  });
});

describe('buildIso', () => {
  it('has no boot code for BIOS where the board has none', async () => {
    const boot = { ...exampleBoard.boot, targets: ['arm64-efi'] } as Board['boot'];
    const { dir } = await buildIso(fixture.context(), { ...request, board: { ...request.board, boot } });
    const { stdout } = await runTool('xorriso', ['-indev', join(dir, 'disc.iso'), '-report_el_torito', 'plain']);
    assert.match(stdout.toString(), /boot img : +1 +UEFI/);
    assert.doesNotMatch(stdout.toString(), /BIOS/);
  });

  it('refuses a loader that is larger than its place', async () => {
    const discLoader = await fixture.artefact('large', { 'disc.img': Buffer.alloc(MIB), 'efi.fat': '' });
    await assert.rejects(buildIso(fixture.context(), { ...request, discLoader }), { code: 'LAYOUT_OVERLAP' });
  });
});
