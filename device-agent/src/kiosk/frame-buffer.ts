import { type FileHandle, open, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import type { ScreenGeometry } from '@nodeos/contracts/screen.ts';

export interface FrameBufferPaths {
  /** `/dev/fb0`. */
  readonly frameBuffer: string;
  /** `/sys/class/graphics/fb0`. */
  readonly graphics: string;
}

/** Rows that are read to see that a screen shows something; the others are read only where these do not tell. */
const SAMPLE_ROWS = 16;
/** Rows at a time, so that nothing else waits for long. */
const BATCH_ROWS = 64;
const compress = promisify(deflate);

/** Linux kernel, drivers/video/fbdev/core/fbsysfs.c; null where there is no screen, or none of 16 or 32 bits a pixel. */
export async function readGeometry({ graphics }: FrameBufferPaths): Promise<ScreenGeometry | null> {
  try {
    const words = ['virtual_size', 'bits_per_pixel', 'stride'].map((name) => readFile(`${graphics}/${name}`, 'utf8'));
    const [size = '', bits, stride] = await Promise.all(words);
    const [width = 0, height = 0] = size.split(',').map(Number);
    const bitsPerPixel = Number(bits);
    if (bitsPerPixel !== 16 && bitsPerPixel !== 32) return null;
    return { width, height, bitsPerPixel, strideBytes: Number(stride) };
  } catch {
    return null;
  }
}

/** Whether every pixel has the same colour. Rows are compared as they are: no pixel is looked at by itself. */
export async function isOneColour({ frameBuffer }: FrameBufferPaths, geometry: ScreenGeometry): Promise<boolean> {
  const { width, height, bitsPerPixel } = geometry;
  const pixelBytes = bitsPerPixel / 8;
  const file = await open(frameBuffer, 'r');
  try {
    const row = Buffer.alloc(width * pixelBytes);
    const first = Buffer.alloc(row.length);
    await readRow(file, geometry, 0, first);
    if (!first.subarray(pixelBytes).equals(first.subarray(0, -pixelBytes))) return false;
    const sameAsFirst = async (at: number): Promise<boolean> => (await readRow(file, geometry, at, row)).equals(first);
    const step = Math.max(1, Math.floor(height / SAMPLE_ROWS));
    for (let at = step; at < height; at += step) if (!(await sameAsFirst(at))) return false;
    for (let at = 1; at < height; at++) if (!(await sameAsFirst(at))) return false;
    return true;
  } finally {
    await file.close();
  }
}

/** All that the screen shows, compressed by zlib: on a small board the PNG itself would take the agent seconds. */
export async function readFrame({ frameBuffer }: FrameBufferPaths, geometry: ScreenGeometry): Promise<Buffer> {
  const { width, height, bitsPerPixel, strideBytes } = geometry;
  const file = await open(frameBuffer, 'r');
  try {
    // The last row may be shorter than the distance to the next.
    const frame = Buffer.alloc(strideBytes * (height - 1) + (width * bitsPerPixel) / 8);
    await readWhole(file, frame, 0);
    return await compress(frame, { level: 1 });
  } finally {
    await file.close();
  }
}

/** Fills the screen with one colour. */
export async function paint(
  { frameBuffer }: FrameBufferPaths,
  geometry: ScreenGeometry,
  [red, green, blue]: readonly [number, number, number],
): Promise<void> {
  const { width, height, bitsPerPixel, strideBytes } = geometry;
  const packed = ((red >> 3) << 11) | ((green >> 2) << 5) | (blue >> 3);
  const pixel = bitsPerPixel === 32 ? [blue, green, red, 0xff] : [packed & 0xff, packed >> 8];
  const batch = Buffer.alloc(strideBytes * Math.min(BATCH_ROWS, height), Buffer.from(pixel));
  const rowBytes = (width * bitsPerPixel) / 8;
  const file = await open(frameBuffer, 'r+');
  try {
    for (let row = 0; row < height; row += BATCH_ROWS) {
      const rows = Math.min(BATCH_ROWS, height - row);
      await file.write(batch, 0, strideBytes * (rows - 1) + rowBytes, row * strideBytes);
    }
  } finally {
    await file.close();
  }
}

function readRow(file: FileHandle, geometry: ScreenGeometry, row: number, into: Buffer): Promise<Buffer> {
  return readWhole(file, into, row * geometry.strideBytes);
}

async function readWhole(file: FileHandle, into: Buffer, position: number): Promise<Buffer> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) throw new Error(`the frame buffer ends after ${position + done} bytes`);
    done += bytesRead;
  }
  return into;
}
