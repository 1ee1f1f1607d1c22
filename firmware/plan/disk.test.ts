import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planDisk } from './disk.ts';
import { exampleBoard } from './example-board.testing.ts';
import { diskBytes, MIB, orderAreas } from './layout.ts';

describe('planDisk', () => {
  it('gives the table of x86_64-usb', () => {
    const rows = planDisk(exampleBoard).map(({ name, offset, bytes, partition }) => [
      name,
      offset,
      bytes,
      partition?.number ?? 0,
    ]);
    assert.deepEqual(rows, [
      ['boot sector', 0, 512, 0],
      ['GRUB core image', 512, MIB - 512, 0],
      ['device record 1', MIB, 65_536, 0],
      ['device record 2', MIB + 65_536, 65_536, 0],
      ['boot', 4 * MIB, 32 * MIB, 1],
      ['slot a', 36 * MIB, 128 * MIB, 2],
      ['slot b', 164 * MIB, 128 * MIB, 3],
      ['data', 292 * MIB, 16 * MIB, 4],
    ]);
    assert.equal(diskBytes(planDisk(exampleBoard)), 308 * MIB);
  });

  it('refuses a first partition that covers the device record, naming both', () => {
    const board = { ...exampleBoard, partitions: { ...exampleBoard.partitions, startMiB: 1 } };
    assert.throws(() => planDisk(board), {
      code: 'LAYOUT_OVERLAP',
      message: 'device record 1 (offset 1048576, 65536 bytes) overlaps boot (offset 1048576, 33554432 bytes)',
    });
  });
});

describe('orderAreas', () => {
  const area = (name: string, offset: number, bytes: number): { name: string; offset: number; bytes: number } => ({
    name,
    offset,
    bytes,
  });

  it('takes areas that touch, in any order', () => {
    const names = orderAreas([area('b', 10, 5), area('a', 0, 10), area('c', 15, 1)]).map(({ name }) => name);
    assert.deepEqual(names, ['a', 'b', 'c']);
  });

  it('refuses areas that share one byte', () => {
    assert.throws(() => orderAreas([area('a', 0, 11), area('b', 10, 5)]), { code: 'LAYOUT_OVERLAP' });
  });
});
