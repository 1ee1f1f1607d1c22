import { open } from 'node:fs/promises';
import { NodeosError } from '@nodeos/contracts/errors.ts';

const BLOCK_BYTES = 1_048_576;

/**
 * Copies a disk image, leaving out blocks of zeros, and makes the copy as large as the medium it stands for.
 * @param mediumBytes size of the copy; ignored where the image is larger
 * @throws NodeosError FILE_UNREADABLE, DISK_FULL
 */
export async function copyDisk(image: string, copy: string, mediumBytes: number): Promise<void> {
  const source = await open(image, 'r').catch((cause) => {
    throw new NodeosError('FILE_UNREADABLE', `the image ${image} cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  });
  try {
    const target = await open(copy, 'w');
    try {
      const { size } = await source.stat();
      await target.truncate(Math.max(size, mediumBytes));
      const block = Buffer.alloc(BLOCK_BYTES);
      const zeros = Buffer.alloc(BLOCK_BYTES);
      for (let offset = 0; offset < size; offset += BLOCK_BYTES) {
        const { bytesRead } = await source.read(block, 0, BLOCK_BYTES, offset);
        const part = block.subarray(0, bytesRead);
        if (!part.equals(zeros.subarray(0, bytesRead))) await target.write(part, 0, bytesRead, offset);
      }
    } finally {
      await target.close();
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC') throw cause;
    throw new NodeosError('DISK_FULL', `no space left for a copy of the disk at ${copy}`, { cause });
  } finally {
    await source.close();
  }
}
