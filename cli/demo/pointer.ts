import { open } from 'node:fs/promises';
import type { Board } from '@nodeos/contracts/board.ts';
import { parseEnvironmentBlock } from '@nodeos/contracts/grub-environment.ts';
import { newestUBootRecord, U_BOOT_RECORD_BYTES, U_BOOT_RECORD_OFFSETS } from '@nodeos/contracts/u-boot-environment.ts';
import type { ImageMachine } from '@nodeos/firmware/emulate/boot-image.ts';
import { readBootFile } from '@nodeos/firmware/emulate/fleet-partition.ts';

/** How each boot chain says which slot a cold boot takes. */
const POINTERS: Readonly<Record<Board['boot']['chain'], (disk: string) => Promise<string | undefined>>> = {
  grub: async (disk) => parseEnvironmentBlock(await readBootFile(disk, '/grub/grubenv')).nodeos_slot,
  raspberrypi: async (disk) => {
    const text = (await readBootFile(disk, '/autoboot.txt')).toString('latin1');
    // Partition 2 is slot a; the lines below [tryboot] are for a one-shot boot.
    const partition = /^boot_partition=([23])/m.exec(text.split('[tryboot]')[0] ?? '')?.[1];
    return partition === undefined ? undefined : { 2: 'a', 3: 'b' }[partition];
  },
  'u-boot': async (disk) => {
    const file = await open(disk, 'r');
    try {
      const copies = U_BOOT_RECORD_OFFSETS.map(async (offset) => {
        const block = Buffer.alloc(U_BOOT_RECORD_BYTES);
        await file.read(block, 0, block.length, offset);
        return block;
      });
      const [first, second] = await Promise.all(copies);
      return newestUBootRecord([first as Buffer, second as Buffer]).record.slot;
    } finally {
      await file.close();
    }
  },
};

/** The slot that a cold boot would take, read from the disk itself, also while the machine runs. */
export async function readPointer(board: Board, { disk }: ImageMachine): Promise<string> {
  return (await POINTERS[board.boot.chain](disk)) ?? 'none';
}
