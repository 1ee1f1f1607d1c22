import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ISO_SECTOR_BYTES } from '../formats/iso9660.ts';
import { runTool } from '../run-tool.ts';
import { AREA, areaNamed, planDisk } from './disk.ts';
import { exampleBoard } from './example-board.testing.ts';
import { grubOf } from './grub-config.ts';
import { discConfig, discStartConfig, ISO_AREA, isoBoard, isoFiles, planIso } from './iso.ts';
import { diskBytes, MIB } from './layout.ts';

const board = isoBoard(exampleBoard);

describe('planIso', () => {
  it('is a disk of the board with slots of its size, and the parts of a disc between', () => {
    const areas = planIso(board, 5 * MIB + 1);
    const of = (name: string) => areaNamed(areas, name);
    for (const name of [AREA.slotA, AREA.slotB, AREA.data])
      assert.equal(of(name).bytes, areaNamed(planDisk(exampleBoard), name).bytes, name);
    assert.equal(of(ISO_AREA.factory).bytes, 6 * MIB);
    assert.equal(of(AREA.data).offset + of(AREA.data).bytes, diskBytes(areas), 'data can grow');
    // ECMA-119 has the descriptors there; the kernel, the agent and GRUB look for these.
    assert.equal(of(ISO_AREA.head).offset, 32_768);
    assert.deepEqual([of('device record 1').offset, of('device record 2').offset], [MIB, MIB + 65_536]);
  });

  it('has every part that the disc names at the start of a sector of a CD', () => {
    for (const area of planIso(board, 1)) assert.equal(area.offset % ISO_SECTOR_BYTES, 0, area.name);
  });

  it('puts little between the start of the disk and the slot: on a CD all of it is read into RAM', () => {
    assert.ok(areaNamed(planIso(board, 10 * MIB), AREA.slotA).offset <= 8 * MIB);
  });
});

describe('the scripts of a disc', () => {
  const config = discConfig('0a1b2c3d', "console=ttyS0 x='a b'", grubOf(exampleBoard));

  it('are taken by GRUB', async () => {
    await runTool('grub-script-check', [], { input: config });
    await runTool('grub-script-check', [], { input: discStartConfig('0a1b2c3d') });
  });

  it('hand init the disk, the slot and the data folder that the disc has', () => {
    const files = isoFiles('0a1b2c3d');
    const initrd = /^initrd .*$/m.exec(config)?.[0] ?? '';
    assert.match(initrd, new RegExp(`newc:disk\\.img:\\(\\$disc\\)/${files.disk} `));
    assert.match(initrd, new RegExp(`\\(\\$disc\\)/${files.factory}$`));
    assert.match(
      config,
      /^linux \(slot\)\/kernel console=ttyS0 .* nodeos\.disk=0a1b2c3d nodeos\.slot=a nodeos\.mode=disc$/m,
    );
    assert.ok(discStartConfig('0a1b2c3d').includes(`/${files.mark}\n`));
  });
});
