import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bootSector } from './grub.ts';

describe('bootSector', () => {
  const image = Buffer.alloc(512, 0xaa);
  image.writeUInt16LE(0xaa55, 510);

  it('points at sector 1, keeps the drive of the BIOS and corrects the number of a floppy', () => {
    const code = bootSector(image);
    assert.equal(code.length, 440);
    assert.equal(code.readBigUInt64LE(0x5c), 1n);
    assert.equal(code[0x64], 0xff);
    assert.deepEqual([...code.subarray(0x66, 0x68)], [0x90, 0x90]);
    assert.equal(code[0x68], 0xaa, 'the rest is as it was');
  });

  it('refuses what is no boot sector', () => {
    assert.throws(() => bootSector(Buffer.alloc(512)), { code: 'SOURCE_MISMATCH' });
    assert.throws(() => bootSector(image.subarray(0, 511)), { code: 'SOURCE_MISMATCH' });
  });
});
