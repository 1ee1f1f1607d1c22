/** Bytes from `from` up to `to`, which is not part of it. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/** What becomes of a piece of an image. */
export interface Piece extends ByteRange {
  /** `data` is written. `zeros` must be on the drive, and are written only where it holds something else. */
  readonly kind: 'data' | 'zeros';
}

/** Smaller pieces are not told apart: what a drive writes at once is no smaller. */
const PIECE_BYTES = 65_536;
const ZEROS = Buffer.alloc(PIECE_BYTES);

/**
 * Splits a chunk of an image; offsets are those in the chunk. Zeros that the map leaves out may be anything on the
 * drive, so they are no piece. Data is always one: a map of another image costs time, not bytes.
 * @param position of the chunk in the image
 * @param map parts of the image that mean something, in order; null: all of it does
 */
export function piecesOf(chunk: Buffer, position: number, map: readonly ByteRange[] | null): Piece[] {
  const pieces: { kind: Piece['kind']; from: number; to: number }[] = [];
  for (let from = 0; from < chunk.length; from += PIECE_BYTES) {
    const to = Math.min(from + PIECE_BYTES, chunk.length);
    const kind = chunk.subarray(from, to).equals(ZEROS.subarray(0, to - from)) ? 'zeros' : 'data';
    if (kind === 'zeros' && map !== null && !isMapped(map, position + from, position + to)) continue;
    const last = pieces.at(-1);
    if (last?.to === from && last.kind === kind) last.to = to;
    else pieces.push({ kind, from, to });
  }
  return pieces;
}

function isMapped(map: readonly ByteRange[], from: number, to: number): boolean {
  return map.some((range) => range.from < to && from < range.to);
}
