import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runTool } from '../run-tool.ts';
import { decodeMbr, encodeMbr, type Mbr } from './mbr.ts';

const MIB_SECTORS = 2048;
const disk: Mbr = {
  signature: 0x1234abcd,
  bootCode: Buffer.alloc(440, 0x90),
  partitions: [
    { type: 0x0c, active: true, start: 4 * MIB_SECTORS, sectors: 32 * MIB_SECTORS },
    { type: 0x0c, active: false, start: 36 * MIB_SECTORS, sectors: 128 * MIB_SECTORS },
    { type: 0x0c, active: false, start: 164 * MIB_SECTORS, sectors: 128 * MIB_SECTORS },
    { type: 0x83, active: false, start: 292 * MIB_SECTORS, sectors: 20_000 * MIB_SECTORS },
  ],
};

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeos-mbr-'));
});
after(() => rm(folder, { recursive: true, force: true }));

describe('MBR', () => {
  it('is read back as it was written', () => {
    assert.deepEqual(decodeMbr(encodeMbr(disk)), disk);
  });

  it('is what sfdisk reads and verifies, also beyond the reach of cylinders', async () => {
    const image = join(folder, 'disk.img');
    await writeFile(image, encodeMbr(disk));
    await truncate(image, 20_400 * 1024 * 1024);
    const verified = await runTool('sfdisk', ['--verify', image]);
    assert.match(verified.stdout.toString() + verified.stderr, /No errors detected/);
    const table = JSON.parse((await runTool('sfdisk', ['--json', image])).stdout.toString()).partitiontable;
    assert.equal(table.label, 'dos');
    assert.equal(table.id, '0x1234abcd');
    assert.deepEqual(
      table.partitions.map((row: Record<string, unknown>) => [row.start, row.size, row.type, row.bootable]),
      disk.partitions.map((row) => [row.start, row.sectors, row.type.toString(16), row.active || undefined]),
    );
  });

  it('keeps the numbers of partitions behind an empty entry', () => {
    const empty = { type: 0, active: false, start: 0, sectors: 0 };
    const last = disk.partitions[3] ?? empty;
    assert.deepEqual(decodeMbr(encodeMbr({ signature: 1, partitions: [empty, last] })).partitions[1], last);
  });

  it('refuses a sector without the boot signature, too much code and a fifth partition', () => {
    assert.throws(() => decodeMbr(Buffer.alloc(512)), { code: 'INPUT_INVALID' });
    assert.throws(() => encodeMbr({ ...disk, bootCode: Buffer.alloc(441) }), { code: 'INTERNAL' });
    assert.throws(() => encodeMbr({ ...disk, partitions: Array(5).fill(disk.partitions[0]) }), { code: 'INTERNAL' });
  });
});
