import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runTool } from '../run-tool.ts';
import { encodeIsoHead, ISO_FIRST_SECTOR, ISO_SECTOR_BYTES, type IsoVolume } from './iso9660.ts';

const SECTORS = 64;
const volume: IsoVolume = {
  label: 'NODEOS',
  bytes: SECTORS * ISO_SECTOR_BYTES,
  modified: 1_700_000_000,
  files: [
    { name: 'slot.img', offset: 40 * ISO_SECTOR_BYTES, bytes: 5000 },
    { name: '0a1b2c3d.id', offset: 30 * ISO_SECTOR_BYTES, bytes: 3 },
  ],
  boot: [
    { platform: 'bios', offset: 32 * ISO_SECTOR_BYTES, bytes: 2048 },
    { platform: 'uefi', offset: 48 * ISO_SECTOR_BYTES, bytes: 8192 },
  ],
};
const content = Buffer.alloc(5000, 'slot');

let folder: string;
let disc: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeos-iso-'));
  disc = await write(volume);
});
after(() => rm(folder, { recursive: true, force: true }));

async function write(wanted: IsoVolume): Promise<string> {
  const bytes = Buffer.alloc(wanted.bytes);
  encodeIsoHead(wanted).copy(bytes, ISO_FIRST_SECTOR * ISO_SECTOR_BYTES);
  content.copy(bytes, 40 * ISO_SECTOR_BYTES);
  bytes.write('id\n', 30 * ISO_SECTOR_BYTES);
  const path = join(folder, 'disc.iso');
  await writeFile(path, bytes);
  return path;
}

async function judge(...commands: string[]): Promise<string> {
  const { stdout, stderr } = await runTool('xorriso', ['-indev', disc, ...commands]);
  return stdout.toString() + stderr;
}

describe('an ISO 9660 volume', () => {
  it('has the name, size and files that xorriso reads', async () => {
    const report = await judge('-toc', '-lsl', '/');
    assert.match(report, /Volume id +: 'NODEOS'/);
    assert.match(report, new RegExp(`1 session, ${SECTORS} data blocks`));
    assert.match(report, /5000 Nov 14 +2023 'SLOT\.IMG'/);
    assert.match(report, /3 Nov 14 +2023 '0A1B2C3D\.ID'/);
  });

  it('gives each file its bytes', async () => {
    await judge(
      '-osirrox',
      'on',
      '-extract',
      '/SLOT.IMG',
      join(folder, 'slot'),
      '-extract',
      '/0A1B2C3D.ID',
      join(folder, 'id'),
    );
    assert.deepEqual(await readFile(join(folder, 'slot')), content);
    assert.equal(await readFile(join(folder, 'id'), 'utf8'), 'id\n');
  });

  it('boots without emulation: 2048 bytes by BIOS, a volume by UEFI', async () => {
    const report = await judge('-report_el_torito', 'plain');
    assert.match(report, /El Torito boot img : +1 +BIOS +y +none +0x0000 +0x00 +4 +32$/m);
    assert.match(report, /El Torito boot img : +2 +UEFI +y +none +0x0000 +0x00 +16 +48$/m);
  });

  it('has a boot catalog whose first entry sums up to 0: firmware takes no other', () => {
    const head = encodeIsoHead(volume);
    // El Torito 1.0, figure 2: the catalog's sector stands in the boot record, its first 32 bytes are 16-bit words.
    const catalog = (head.readUInt32LE(ISO_SECTOR_BYTES + 0x47) - ISO_FIRST_SECTOR) * ISO_SECTOR_BYTES;
    const words = Array.from({ length: 16 }, (_, index) => head.readUInt16LE(catalog + 2 * index));
    assert.equal(words.reduce((sum, word) => sum + word) % 65_536, 0);
    assert.equal(words[15], 0xaa55);
  });

  it('boots by UEFI alone where there is no other', async () => {
    disc = await write({ ...volume, boot: volume.boot.filter(({ platform }) => platform === 'uefi') });
    const report = await judge('-report_el_torito', 'plain');
    assert.match(report, /El Torito boot img : +1 +UEFI +y +none/);
    assert.doesNotMatch(report, /boot img : +2/);
  });

  it('refuses names that readers do not agree on, and places between sectors', () => {
    for (const name of ['too-long-a-name.img', 'sub/file.img', 'a b.img', '.img'])
      assert.throws(() => encodeIsoHead({ ...volume, files: [{ name, offset: 0, bytes: 1 }] }), { code: 'INTERNAL' });
    const files = [{ name: 'a.img', offset: 512, bytes: 1 }];
    assert.throws(() => encodeIsoHead({ ...volume, files }), { code: 'INTERNAL', message: /middle of a sector/ });
    assert.throws(() => encodeIsoHead({ ...volume, boot: [] }), { code: 'INTERNAL' });
  });
});
