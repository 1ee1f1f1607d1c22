/** Bytes from `from` up to `to`, which is not part of it. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/** Where an image is all zeros over this length, nothing is written. Larger than what flash media write at once. */
export const HOLE_BYTES = 65_536;
const ZEROS = Buffer.alloc(HOLE_BYTES);

/** How much of each partition's beginning is always written. */
const PARTITION_HEAD_BYTES = 1_048_576;
/** Where no partition table says what is what. */
const UNKNOWN_HEAD_BYTES = 4 * 1_048_576;

/**
 * Zeros that must be on the drive although the image has only a hole there: what stands before the first partition
 * (identity of a device that the drive was in before), and the beginning of each partition (a file system that was
 * there before, which a boot loader would find).
 * @param partitions first byte of each partition of the image
 */
export function zerosThatCount(partitions: readonly number[], imageBytes: number): ByteRange[] {
  const first = partitions.length === 0 ? UNKNOWN_HEAD_BYTES : Math.min(...partitions);
  const ranges = [{ from: 0, to: first }, ...partitions.map((at) => ({ from: at, to: at + PARTITION_HEAD_BYTES }))];
  return ranges
    .map(({ from, to }) => ({ from, to: Math.min(to, imageBytes) }))
    .filter(({ from, to }) => from < to)
    .sort((a, b) => a.from - b.from);
}

/**
 * The parts of a chunk that are written, as offsets in the chunk.
 * @param position of the chunk in the image; a multiple of HOLE_BYTES
 * @param counting zeros that are written too
 */
export function dataRuns(chunk: Buffer, position: number, counting: readonly ByteRange[]): ByteRange[] {
  const runs: { from: number; to: number }[] = [];
  for (let from = 0; from < chunk.length; from += HOLE_BYTES) {
    const to = Math.min(from + HOLE_BYTES, chunk.length);
    const counts = counting.some((range) => range.from < position + to && position + from < range.to);
    if (!counts && chunk.subarray(from, to).equals(ZEROS.subarray(0, to - from))) continue;
    const last = runs.at(-1);
    if (last?.to === from) last.to = to;
    else runs.push({ from, to });
  }
  return runs;
}
