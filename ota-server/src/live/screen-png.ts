import { promisify } from 'node:util';
import { deflate, inflate } from 'node:zlib';
import { crc32 } from '@nodeos/contracts/crc32.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { ScreenGeometry } from '@nodeos/contracts/screen.ts';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const [compress, decompress] = [promisify(deflate), promisify(inflate)];
/** More pixels than any screen has: what they would take must not stop the server. */
const PIXELS_MAX = 8192 * 4320;

/**
 * A PNG (8 bits of red, green and blue) of a frame.
 * @param deflated as a device sends it, zlib
 * @throws NodeosError INPUT_INVALID where frame and geometry do not fit
 */
export async function screenPng(geometry: ScreenGeometry, deflated: Buffer): Promise<Buffer> {
  const { width, height, bitsPerPixel, strideBytes } = geometry;
  const rowBytes = (width * bitsPerPixel) / 8;
  const length = strideBytes * (height - 1) + rowBytes;
  if (width * height > PIXELS_MAX || strideBytes < rowBytes) throw misfit('its geometry is none of a screen');
  const frame = await decompress(deflated, { maxOutputLength: length }).catch((cause: Error) => {
    throw misfit(cause.message);
  });
  if (frame.length !== length) throw misfit(`it has ${frame.length} bytes instead of ${length}`);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const data = await compress(rowsOf(geometry, frame));
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]);
}

/** PNG specification, 9.2: filter 0 is none. */
function rowsOf({ width, height, bitsPerPixel, strideBytes }: ScreenGeometry, frame: Buffer): Buffer {
  const rows = Buffer.alloc(height * (1 + width * 3));
  let to = 0;
  for (let y = 0; y < height; y++) {
    to++;
    for (let x = 0; x < width; x++, to += 3) {
      if (bitsPerPixel === 32) {
        const from = y * strideBytes + x * 4;
        rows[to] = frame[from + 2] as number;
        rows[to + 1] = frame[from + 1] as number;
        rows[to + 2] = frame[from] as number;
      } else {
        const word = frame.readUInt16LE(y * strideBytes + x * 2);
        rows[to] = widen(word >> 11, 31);
        rows[to + 1] = widen((word >> 5) & 63, 63);
        rows[to + 2] = widen(word & 31, 31);
      }
    }
  }
  return rows;
}

function widen(value: number, most: number): number {
  return Math.round((value * 255) / most);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

function misfit(reason: string): NodeosError {
  return new NodeosError('INPUT_INVALID', `the frame of the device cannot be read: ${reason}`);
}
