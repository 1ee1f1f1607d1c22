import { open } from 'node:fs/promises';
import { NodeosError } from '@nodeos/contracts/errors.ts';

/**
 * How much of a FAT16 volume means anything: its tables and folders, zeros included, and its files; behind them all
 * clusters are free.
 * @returns bytes from the start of the volume
 * @throws NodeosError INPUT_INVALID for another kind of volume
 */
export async function fatUsedBytes(path: string): Promise<number> {
  const volume = await open(path, 'r');
  try {
    const boot = Buffer.alloc(512);
    await volume.read(boot, 0, 512, 0);
    // Microsoft's FAT specification 1.03, "Boot Sector and BPB Structure".
    const [sectorBytes, clusterSectors] = [boot.readUInt16LE(11), boot.readUInt8(13)];
    const [reserved, tables, rootEntries] = [boot.readUInt16LE(14), boot.readUInt8(16), boot.readUInt16LE(17)];
    const tableBytes = boot.readUInt16LE(22) * sectorBytes;
    if (boot.toString('latin1', 54, 59) !== 'FAT16' || tableBytes === 0)
      throw new NodeosError('INPUT_INVALID', `${path} is not a FAT16 volume`);
    const table = Buffer.alloc(tableBytes);
    await volume.read(table, 0, tableBytes, reserved * sectorBytes);
    let last = tableBytes / 2 - 1;
    while (last > 1 && table.readUInt16LE(last * 2) === 0) last--;
    // Cluster 2 is the first; the root folder stands before it.
    const data = reserved * sectorBytes + tables * tableBytes + rootEntries * 32;
    return data + (last - 1) * clusterSectors * sectorBytes;
  } finally {
    await volume.close();
  }
}
