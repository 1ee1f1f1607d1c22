import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import type { Transform } from 'node:stream';
import { constants, createZstdDecompress } from 'node:zlib';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { parseBlockMap } from '../formats/block-map.ts';
import { decodeMbr } from '../formats/mbr.ts';
import type { ByteRange } from './data-runs.ts';

/** A disk image in the order of its bytes. */
export interface ImageSource {
  /** Fills the buffer; fewer bytes only at the end of the image. */
  read(buffer: Buffer): Promise<number>;
  close(): Promise<void>;
}

/** What is known of an image before a drive is touched. */
export interface ImageFacts {
  readonly path: string;
  readonly compressed: boolean;
  /** Of the disk image itself, unpacked. */
  readonly bytes: number;
  /** Of the disk image itself; null where nothing has read it whole yet. */
  readonly sha256: string | null;
  /** Parts that mean something; what else is zeros may be anything on a drive. Null: all of it means something. */
  readonly map: readonly ByteRange[] | null;
  /** First byte and length of each partition that the image's boot sector names. */
  readonly partitions: readonly { readonly offset: number; readonly bytes: number; readonly fat: boolean }[];
}

const SECTOR_BYTES = 512;
const CHECK_CHUNK_BYTES = 4 * 1_048_576;
const ZSTD_MAGIC = 0xfd2fb528;
const FAT_TYPES = [0x01, 0x04, 0x06, 0x0b, 0x0c, 0x0e];

/**
 * Looks at an image, packed with zstd or as it is. A packed one is unpacked once to learn its size and that it is
 * whole: so a damaged download, or one that does not fit, is found before the drive is touched.
 * @param expectedSha256 of the file as it is named
 * @param onRead bytes of the disk image checked so far
 * @param mapFile its block map; default: one that stands beside it
 * @throws NodeosError FILE_UNREADABLE, HASH_MISMATCH, IMAGE_DAMAGED
 */
export async function inspectImage(
  path: string,
  expectedSha256: string | null,
  signal: AbortSignal,
  onRead: (bytes: number) => void = () => {},
  mapFile: string | undefined = mapBeside(path),
): Promise<ImageFacts> {
  if (expectedSha256 !== null) await assertHash(path, expectedSha256, signal);
  const file = await openFile(path);
  const first = Buffer.alloc(SECTOR_BYTES);
  const { size } = await file.stat();
  const { bytesRead } = await file.read(first, 0, SECTOR_BYTES, 0).finally(() => file.close());
  if (bytesRead < SECTOR_BYTES) throw damaged(path, 'it is shorter than one sector');
  if (first.readUInt32LE(0) !== ZSTD_MAGIC) {
    if (size % SECTOR_BYTES !== 0) throw damaged(path, `its ${size} bytes are no whole number of sectors`);
    const map = await readMap(mapFile, size);
    return { path, compressed: false, bytes: size, sha256: null, map, partitions: partitionsOf(first) };
  }
  const source = await openImage({ path, compressed: true }, signal);
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(CHECK_CHUNK_BYTES);
  let [bytes, head] = [0, Buffer.alloc(0)];
  try {
    for (;;) {
      const read = await source.read(buffer);
      if (bytes === 0) head = Buffer.from(buffer.subarray(0, Math.min(read, SECTOR_BYTES)));
      if (read === 0) break;
      hash.update(buffer.subarray(0, read));
      bytes += read;
      onRead(bytes);
    }
  } finally {
    await source.close();
  }
  if (bytes === 0 || bytes % SECTOR_BYTES !== 0) throw damaged(path, `${bytes} bytes unpacked, no whole sectors`);
  const map = await readMap(mapFile, bytes);
  return { path, compressed: true, bytes, sha256: hash.digest('hex'), map, partitions: partitionsOf(head) };
}

/** The block map beside `disk.img` or `disk.img.zst`, under any name that is usual. */
function mapBeside(path: string): string | undefined {
  const image = path.replace(/\.zst$/, '');
  return [`${path}.bmap`, `${image}.bmap`, image.replace(/\.[^./]*$/, '.bmap')].find((name) => existsSync(name));
}

/** @throws NodeosError INPUT_INVALID for a damaged map, or that of another image */
async function readMap(name: string | undefined, imageBytes: number): Promise<ByteRange[] | null> {
  if (name === undefined) return null;
  const { blockBytes, ranges, ...map } = parseBlockMap(await readFile(name, 'utf8'), name);
  if (map.imageBytes !== imageBytes)
    throw new NodeosError('INPUT_INVALID', `${name} is for an image of ${map.imageBytes} bytes, not ${imageBytes}`, {
      hint: 'Take the block map that was made with the image, or remove it.',
    });
  return ranges.map(({ first, last }) => ({ from: first * blockBytes, to: (last + 1) * blockBytes }));
}

/** @throws NodeosError FILE_UNREADABLE; `read` throws IMAGE_DAMAGED */
export async function openImage(
  { path, compressed }: Pick<ImageFacts, 'path' | 'compressed'>,
  signal: AbortSignal,
): Promise<ImageSource> {
  return compressed ? openCompressed(path, signal) : openRaw(path);
}

async function openRaw(path: string): Promise<ImageSource> {
  const file = await openFile(path);
  let position = 0;
  return {
    async read(buffer) {
      for (let done = 0; ; ) {
        const { bytesRead } = await file.read(buffer, done, buffer.length - done, position).catch((cause: Error) => {
          throw new NodeosError('FILE_UNREADABLE', `${path} cannot be read: ${cause.message}`, { cause });
        });
        done += bytesRead;
        position += bytesRead;
        if (bytesRead === 0 || done === buffer.length) return done;
      }
    },
    close: () => file.close(),
  };
}

function openCompressed(path: string, signal: AbortSignal): ImageSource {
  const input = createReadStream(path, { highWaterMark: 1_048_576, signal });
  // `--long=31` of zstd is the most that its format can ask for on a 64-bit computer.
  const output: Transform = createZstdDecompress({
    chunkSize: 1_048_576,
    params: { [constants.ZSTD_d_windowLogMax]: 31 },
  });
  input.on('error', (error) => output.destroy(error));
  const chunks = input.pipe(output)[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  return {
    async read(buffer) {
      let done = 0;
      while (done < buffer.length) {
        if (rest.length === 0) {
          const next = await chunks.next().catch((cause: Error) => {
            signal.throwIfAborted();
            throw damaged(path, cause.message, cause);
          });
          if (next.done) break;
          rest = next.value;
        }
        const taken = rest.copy(buffer, done);
        rest = rest.subarray(taken);
        done += taken;
      }
      return done;
    },
    async close() {
      input.destroy();
      output.destroy();
    },
  };
}

async function assertHash(path: string, expected: string, signal: AbortSignal): Promise<void> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1_048_576, signal })) hash.update(chunk);
  } catch (cause) {
    signal.throwIfAborted();
    throw new NodeosError('FILE_UNREADABLE', `${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
  const found = hash.digest('hex');
  if (found === expected) return;
  throw new NodeosError('HASH_MISMATCH', `${path} has the sha256 ${found}, not ${expected}`, {
    hint: 'Fetch the image again; the drive was not touched.',
  });
}

function partitionsOf(sector: Buffer): ImageFacts['partitions'] {
  if (sector.readUInt16LE(SECTOR_BYTES - 2) !== 0xaa55) return [];
  return decodeMbr(sector)
    .partitions.filter(({ type, start, sectors }) => type !== 0 && start > 0 && sectors > 0)
    .map(({ type, start, sectors }) => ({
      offset: start * SECTOR_BYTES,
      bytes: sectors * SECTOR_BYTES,
      fat: FAT_TYPES.includes(type),
    }));
}

async function openFile(path: string): Promise<FileHandle> {
  return open(path, 'r').catch((cause: Error) => {
    throw new NodeosError('FILE_UNREADABLE', `the image ${path} cannot be read: ${cause.message}`, { cause });
  });
}

function damaged(path: string, what: string, cause?: unknown): NodeosError {
  return new NodeosError('IMAGE_DAMAGED', `${path} is no whole disk image: ${what}`, { cause });
}
