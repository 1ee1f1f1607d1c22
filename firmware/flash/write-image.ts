import { alignedBuffers } from './aligned-buffers.ts';
import { type Piece, piecesOf } from './data-runs.ts';
import { BLOCK_BYTES } from './drive-handle.ts';
import { CHUNK_BYTES, type DriveWriter, type Run, runOf } from './drive-writer.ts';
import type { ImageHash } from './image-hash.ts';
import type { ImageFacts, ImageSource } from './image-source.ts';

export interface WrittenImage {
  /** Bytes read from the source. */
  readonly imageBytes: number;
  /** Bytes written to each drive so far; what the image leaves empty is not among them. */
  readonly writtenBytes: number;
  /** All that must be on the drive, in order: what was written, and zeros that were not. */
  readonly runs: readonly Run[];
  /** Beginning of the image, not written yet: see `headBytes`. */
  readonly head: Buffer;
}

const MIB = 1_048_576;
/** One chunk is read, one is looked at, and two are written. */
const BUFFERS = 4;

/**
 * How much of the image's beginning is written last of all. It holds the partition table and the boot code: a drive
 * whose writing did not end well starts no computer and shows no partition.
 */
export function headBytes(image: Pick<ImageFacts, 'partitions' | 'bytes'>): number {
  const first = Math.min(MIB, image.bytes, ...image.partitions.map(({ offset }) => offset));
  return Math.max(BLOCK_BYTES, Math.floor(first / BLOCK_BYTES) * BLOCK_BYTES);
}

/**
 * Writes all of an image but its head to several drives at once. A drive that fails is left behind, with its error set;
 * the others go on.
 * @param hash gets all of the image; it may be at it for longer than the writing
 * @param onProgress bytes of the image dealt with
 */
export async function writeBody(
  source: ImageSource,
  image: ImageFacts,
  drives: readonly DriveWriter[],
  hash: ImageHash,
  signal: AbortSignal,
  onProgress: (bytes: number) => void,
): Promise<WrittenImage> {
  const [buffers, headSize] = [alignedBuffers(BUFFERS, CHUNK_BYTES), headBytes(image)];
  const [head] = alignedBuffers(1, headSize) as [Buffer];
  const runs: Run[] = [];
  const busy: Promise<unknown>[] = buffers.map(() => Promise.resolve());
  let writtenBytes = 0;
  const free = async (index: number): Promise<Buffer> => {
    await busy[index % BUFFERS];
    return buffers[index % BUFFERS] as Buffer;
  };

  let reading = source.read(await free(0));
  let position = 0;
  try {
    for (let index = 0; drives.some(({ error }) => error === null); index++) {
      signal.throwIfAborted();
      const read = await reading;
      if (read === 0) break;
      const buffer = buffers[index % BUFFERS] as Buffer;
      const content = buffer.subarray(0, read);
      if (position === 0) content.copy(head);
      const jobs: Promise<void>[] = [];
      for (const { kind, from, to } of bodyPieces(buffer, read, position, headSize, image.map)) {
        const at = position + from;
        const bytes = buffer.subarray(from, to);
        if (kind === 'zeros') runs.push({ position: at, bytes: bytes.length, crc: null });
        else {
          for (const drive of drives) jobs.push(drive.write(bytes, at));
          runs.push(runOf(bytes, at));
          writtenBytes += bytes.length;
        }
      }
      busy[index % BUFFERS] = Promise.all(jobs);
      // While this chunk is written and hashed the next is read.
      const hashed = isZeros(content) ? hash.addZeros(read) : hash.update(content);
      const next = await free(index + 1);
      reading = source.read(next);
      reading.catch(() => {});
      await hashed;
      position += read;
      onProgress(position);
    }
  } finally {
    await Promise.allSettled([...busy, reading]);
  }
  return { imageBytes: position, writtenBytes, runs, head };
}

const ZEROS = Buffer.alloc(CHUNK_BYTES);
function isZeros(content: Buffer): boolean {
  return content.equals(ZEROS.subarray(0, content.length));
}

/** A chunk's pieces behind the head; the last one is filled up with zeros to a whole block. */
function bodyPieces(buffer: Buffer, read: number, position: number, head: number, map: ImageFacts['map']): Piece[] {
  const whole = Math.ceil(read / BLOCK_BYTES) * BLOCK_BYTES;
  buffer.fill(0, read, whole);
  const skipped = Math.max(0, head - position);
  if (skipped >= whole) return [];
  return piecesOf(buffer.subarray(skipped, whole), position + skipped, map).map(({ kind, from, to }) => ({
    kind,
    from: skipped + from,
    to: skipped + to,
  }));
}

/** Zeros at the end of a drive, where a partition table that was there before keeps its copy (UEFI 2.10, 5.3.1). */
const TAIL_BYTES = MIB;

/**
 * Takes away what would make the drive look like something while it is written: partition table, boot code, and the
 * copy of a GPT at its end.
 * @returns what was written and stays so
 * @throws NodeosError of the first write
 */
export async function clearEnds(drive: DriveWriter, image: ImageFacts): Promise<Run[]> {
  const [zeros] = alignedBuffers(1, Math.max(headBytes(image), TAIL_BYTES)) as [Buffer];
  await drive.write(zeros.subarray(0, headBytes(image)), 0);
  drive.assertWell();
  const tail = Math.floor(drive.drive.bytes / BLOCK_BYTES) * BLOCK_BYTES - TAIL_BYTES;
  if (tail < image.bytes) {
    await drive.flush();
    return [];
  }
  await drive.write(zeros.subarray(0, TAIL_BYTES), tail);
  await drive.flush();
  return [runOf(zeros.subarray(0, TAIL_BYTES), tail)];
}
