import { open } from 'node:fs/promises';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import { runTool } from '../run-tool.ts';

const SECTOR_BYTES = 512;
const FIRST_ENTRY = 446;

/** Byte offset of the first partition of an image with an MBR. @throws NodeosError INPUT_INVALID */
export async function bootPartitionOffset(image: string): Promise<number> {
  const sector = Buffer.alloc(SECTOR_BYTES);
  const file = await open(image, 'r').catch((cause) => {
    throw new NodeosError('FILE_UNREADABLE', `the image ${image} cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  });
  try {
    await file.read(sector, 0, SECTOR_BYTES, 0);
  } finally {
    await file.close();
  }
  const start = sector.readUInt32LE(FIRST_ENTRY + 8);
  if (sector.readUInt16LE(510) !== 0xaa55 || start === 0)
    throw new NodeosError('INPUT_INVALID', `${image} is no disk image: it has no partition table`);
  return start * SECTOR_BYTES;
}

/** Writes `fleet.json` on the first partition of a disk image, over the one that may be there. */
export async function putFleetFile(image: string, fleet: FleetFile, signal?: AbortSignal): Promise<void> {
  const volume = `${image}@@${await bootPartitionOffset(image)}`;
  const input = `${JSON.stringify(fleet, null, 2)}\n`;
  await runTool('mcopy', ['-o', '-i', volume, '-', '::/fleet.json'], { input, signal });
}

/** Reads a file of the first partition, e.g. `/grub/grubenv`, also while a machine runs from the disk. */
export async function readBootFile(image: string, path: string, signal?: AbortSignal): Promise<Buffer> {
  const volume = `${image}@@${await bootPartitionOffset(image)}`;
  return (await runTool('mtype', ['-i', volume, `::${path}`], { signal })).stdout;
}
