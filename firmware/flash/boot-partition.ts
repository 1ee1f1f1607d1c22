import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { createWorkFolder } from '../emulate/work-folder.ts';
import { runTool } from '../run-tool.ts';
import { alignedBuffers } from './aligned-buffers.ts';
import { BLOCK_BYTES } from './drive-handle.ts';
import { CHUNK_BYTES, type DriveWriter, type Run, runOf } from './drive-writer.ts';
import type { ImageFacts } from './image-source.ts';

/** A boot partition is copied to a file for mtools; one larger than this is none. */
const PARTITION_MAX_BYTES = 1024 * 1_048_576;

/** Where the boot partition of an image lies. @throws NodeosError INPUT_INVALID where it has none */
export function bootPartition(image: ImageFacts): { readonly offset: number; readonly bytes: number } {
  const [first] = image.partitions;
  if (first?.fat && first.offset + first.bytes <= image.bytes && first.bytes <= PARTITION_MAX_BYTES) return first;
  throw new NodeosError(
    'INPUT_INVALID',
    `${image.path} has no FAT partition as its first: no fleet file can go there`,
    {
      hint: 'Flash an image of `nodeos build`, or leave the fleet file out.',
    },
  );
}

/**
 * Puts `fleet.json` on the boot partition of a drive whose image was written. The partition is edited in a copy, and
 * the blocks that came out different are written like all others: to the open drive, known by their CRC.
 * @returns what was written; runs before it that overlap it hold no longer
 * @throws NodeosError INPUT_INVALID, TOOL_MISSING, TOOL_FAILED, DISK_FULL, those of the drive
 */
export async function putOnBootPartition(
  drive: DriveWriter,
  image: ImageFacts,
  fleetText: string,
  signal: AbortSignal,
): Promise<Run[]> {
  const partition = bootPartition(image);
  // The folder is open to its owner only: the file in it holds a claim token.
  const folder = createWorkFolder();
  const [buffer] = alignedBuffers(1, CHUNK_BYTES) as [Buffer];
  const copy = join(folder.path, 'boot.fat');
  const runs: Run[] = [];
  try {
    const file = await open(copy, 'wx+', 0o600);
    try {
      const pieces = piecesOf(partition.bytes);
      for (const { at, bytes } of pieces) {
        const piece = buffer.subarray(0, bytes);
        await drive.read(piece, partition.offset + at);
        await file.write(piece, 0, bytes, at);
      }
      const env = { MTOOLSRC: '/dev/null', HOME: folder.path };
      await runTool('mcopy', ['-o', '-i', copy, '-', '::/fleet.json'], { input: fleetText, signal, env });
      for (const { at, bytes } of pieces) {
        const edited = Buffer.alloc(bytes);
        await file.read(edited, 0, bytes, at);
        const piece = buffer.subarray(0, bytes);
        await drive.read(piece, partition.offset + at);
        for (const { from, to } of changedBlocks(piece, edited)) {
          const changed = piece.subarray(from, to);
          edited.copy(changed, 0, from, to);
          await drive.write(changed, partition.offset + at + from);
          runs.push(runOf(changed, partition.offset + at + from));
        }
        drive.assertWell();
      }
    } finally {
      await file.close();
      await rm(copy, { force: true });
    }
  } finally {
    folder.remove();
  }
  return runs;
}

function piecesOf(total: number): { at: number; bytes: number }[] {
  const count = Math.ceil(total / CHUNK_BYTES);
  return Array.from({ length: count }, (_, index) => {
    const at = index * CHUNK_BYTES;
    return { at, bytes: Math.min(CHUNK_BYTES, total - at) };
  });
}

function changedBlocks(before: Buffer, after: Buffer): { from: number; to: number }[] {
  const changed: { from: number; to: number }[] = [];
  for (let from = 0; from < before.length; from += BLOCK_BYTES) {
    const to = Math.min(from + BLOCK_BYTES, before.length);
    if (!before.subarray(from, to).equals(after.subarray(from, to))) changed.push({ from, to });
  }
  return changed;
}
