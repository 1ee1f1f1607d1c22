import { constants } from 'node:fs';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { parseEnvironmentBlock, renderEnvironmentBlock } from '@nodeos/contracts/grub-environment.ts';
import { alignedBuffer, DIRECT_BLOCK_BYTES, openDirect } from '../trust/read-back.ts';
import type { Disk } from '../updater/disk.ts';
import { withVolume } from './volume.ts';

export type SlotName = 'a' | 'b';
const POINTER_FILE = '/grub/grubenv';
const ATTEMPTS_FILE = '/grub/attempts';
const SECTOR_BYTES = 512;

/**
 * The record that says which slot a cold boot takes, and the count of boots since the last healthy one. Both are GRUB
 * environment blocks whose variables stand in one sector: one sector write changes them, and a disk does not tear it.
 */
export interface Pointer {
  /** @throws NodeosError INPUT_INVALID, FILE_UNREADABLE where the boot partition is damaged */
  read(): SlotName;
  readAttempts(): number;
  /** Boots counted by GRUB go back to 0; nothing is written where they are 0 already. */
  clearAttempts(): Promise<void>;
  /** Only confirm may call this. @throws NodeosError SLOT_WRITE_FAILED */
  confirm(slot: SlotName): Promise<void>;
}

/**
 * @param device the whole disk: its partition is mounted, and Linux may refuse to write to the device of a mount
 *   (BLK_DEV_WRITE_MOUNTED)
 * @param start byte offset of the boot partition
 */
export function openPointer(disk: Disk, device: string, start: number): Pointer {
  const readValues = (file: string) =>
    parseEnvironmentBlock(withVolume(device, start, (volume) => volume.readFile(file, 4096)));

  async function writeValue(file: string, name: string, value: string): Promise<void> {
    const { offset, values } = withVolume(device, start, (volume) => ({
      offset: start + volume.locate(file).offset,
      values: parseEnvironmentBlock(volume.readFile(file, 4096)),
    }));
    const sector = renderEnvironmentBlock({ ...values, [name]: value }).subarray(0, SECTOR_BYTES);
    try {
      const handle = await disk.open(device, constants.O_RDWR | constants.O_DSYNC);
      try {
        await handle.write(sector, offset);
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (cause) {
      throw new NodeosError('SLOT_WRITE_FAILED', `${file} on ${device}: ${(cause as Error).message}`, { cause });
    }
    const kept = await readSectorFromMedium(disk, device, offset);
    if (!kept.equals(sector)) throw new NodeosError('SLOT_WRITE_FAILED', `${device} does not keep ${file}`);
  }

  function readAttempts(): number {
    const attempts = Number(readValues(ATTEMPTS_FILE).nodeos_attempts);
    return Number.isSafeInteger(attempts) && attempts >= 0 ? attempts : 0;
  }

  return {
    read() {
      const slot = readValues(POINTER_FILE).nodeos_slot;
      if (slot !== 'a' && slot !== 'b')
        throw new NodeosError('INPUT_INVALID', `${POINTER_FILE}: nodeos_slot is "${slot}", not a or b`);
      return slot;
    },
    readAttempts,
    async clearAttempts() {
      if (readAttempts() !== 0) await writeValue(ATTEMPTS_FILE, 'nodeos_attempts', '0');
    },
    async confirm(slot) {
      await writeValue(POINTER_FILE, 'nodeos_slot', slot);
    },
  };
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
