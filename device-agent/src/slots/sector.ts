import { constants } from 'node:fs';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { alignedBuffer, DIRECT_BLOCK_BYTES, openDirect } from '../trust/read-back.ts';
import type { Disk } from '../updater/disk.ts';

export const SECTOR_BYTES = 512;

/**
 * Writes one sector, which a disk does not tear, and reads it back from the medium.
 * @param device the whole disk: its partitions may be mounted, and Linux may refuse to write to the device of a mount
 *   (BLK_DEV_WRITE_MOUNTED)
 * @param offset bytes from the start of the disk, a multiple of 512
 * @param what for the error, e.g. `/grub/grubenv`
 * @throws NodeosError SLOT_WRITE_FAILED
 */
export async function writeSector(
  disk: Disk,
  device: string,
  offset: number,
  sector: Uint8Array,
  what: string,
): Promise<void> {
  try {
    const handle = await disk.open(device, constants.O_RDWR | constants.O_DSYNC);
    try {
      await handle.write(sector, offset);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new NodeosError('SLOT_WRITE_FAILED', `${what} on ${device}: ${(cause as Error).message}`, { cause });
  }
  const kept = await readSectorFromMedium(disk, device, offset);
  if (!kept.equals(sector)) throw new NodeosError('SLOT_WRITE_FAILED', `${device} does not keep ${what}`);
}

async function readSectorFromMedium(disk: Disk, device: string, offset: number): Promise<Buffer> {
  const handle = await openDirect(disk, device, constants.O_RDONLY);
  try {
    const block = alignedBuffer(DIRECT_BLOCK_BYTES);
    const start = offset - (offset % DIRECT_BLOCK_BYTES);
    await handle.read(block, start);
    return Buffer.from(block.subarray(offset - start, offset - start + SECTOR_BYTES));
  } finally {
    await handle.close();
  }
}
