import { open } from 'node:fs/promises';

const CHUNK_BYTES = 1024 * 1024;
const BLOCK_BYTES = 4096;

/**
 * Copies a file into an open image at an offset and leaves out blocks of zeros: where the image has a hole it keeps it.
 * @returns how many bytes were written
 */
export async function copySparse(
  source: string,
  image: Awaited<ReturnType<typeof open>>,
  offset: number,
  signal: AbortSignal,
): Promise<number> {
  const zeros = Buffer.alloc(BLOCK_BYTES);
  const input = await open(source, 'r');
  let written = 0;
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (let position = 0; ; ) {
      signal.throwIfAborted();
      const { bytesRead } = await input.read(chunk, 0, CHUNK_BYTES, position);
      if (bytesRead === 0) return written;
      for (const [from, to] of dataRuns(chunk.subarray(0, bytesRead), zeros)) {
        await writeAll(image, chunk.subarray(from, to), offset + position + from);
        written += to - from;
      }
      position += bytesRead;
    }
  } finally {
    await input.close();
  }
}

/** Writes all bytes at a position; a single write may take fewer. */
export async function writeAll(
  image: Awaited<ReturnType<typeof open>>,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await image.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

function dataRuns(chunk: Buffer, zeros: Buffer): [number, number][] {
  const runs: [number, number][] = [];
  for (let at = 0; at < chunk.length; at += BLOCK_BYTES) {
    const end = Math.min(at + BLOCK_BYTES, chunk.length);
    if (chunk.subarray(at, end).equals(zeros.subarray(0, end - at))) continue;
    const last = runs.at(-1);
    if (last && last[1] === at) last[1] = end;
    else runs.push([at, end]);
  }
  return runs;
}
