import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import type { Disk, DiskFile } from '../updater/disk.ts';

/** Part of the JavaScript engine, but of no type library that suits a program without a browser. */
declare const WebAssembly:
  | { readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer } }
  | undefined;
const memoryMaker = typeof WebAssembly === 'undefined' ? null : WebAssembly.Memory;
/** Null: no memory can be aligned, and reading goes through the page cache. */
let aligned: ((bytes: number) => Buffer) | null = memoryMaker && inWebAssembly;

/** Length and alignment that direct I/O asks of every medium that we know. */
export const DIRECT_BLOCK_BYTES = 4096;
const READ_BYTES = 262_144;

/** Takes memory from the addon from now on: an engine that was told to compile nothing has no WebAssembly. */
export function useAlignedMemory(make: (bytes: number) => Buffer): void {
  aligned = make;
}

/**
 * A buffer that begins on a page, as direct I/O demands.
 * @param bytes at most 16 MiB
 */
export function alignedBuffer(bytes: number): Buffer {
  return aligned ? aligned(bytes) : Buffer.alloc(bytes);
}

/** A WebAssembly memory is a mapping of its own; Node's own buffers begin anywhere. */
function inWebAssembly(bytes: number): Buffer {
  const pages = Math.ceil(bytes / 65_536);
  if (!memoryMaker) throw new Error('no WebAssembly');
  return Buffer.from(new memoryMaker({ initial: pages, maximum: pages }).buffer, 0, bytes);
}

/**
 * Opens for reading past the page cache, so that what comes is what the medium holds and not what was just written to
 * RAM. Where the file system knows no direct I/O (tmpfs before Linux 6.6), an ordinary file is opened.
 */
export async function openDirect(disk: Disk, path: string, flags: number): Promise<DiskFile> {
  if (!aligned) return disk.open(path, flags);
  try {
    return await disk.open(path, flags | constants.O_DIRECT);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
    return disk.open(path, flags);
  }
}

/**
 * Feeds `length` bytes from `start` of a file or device into a hash, read from the medium.
 * @param start a multiple of 4096
 */
export async function hashFromMedium(
  disk: Disk,
  path: string,
  start: number,
  length: number,
  hash: Hash = createHash('sha256'),
): Promise<Hash> {
  const file = await openDirect(disk, path, constants.O_RDONLY);
  try {
    const buffer = alignedBuffer(READ_BYTES);
    for (let done = 0; done < length; ) {
      // Whole blocks are asked for also at the end: a shorter request is not allowed past the cache.
      const wanted = Math.min(READ_BYTES, Math.ceil((length - done) / DIRECT_BLOCK_BYTES) * DIRECT_BLOCK_BYTES);
      const got = Math.min(await file.read(buffer.subarray(0, wanted), start + done), length - done);
      if (got === 0) break;
      hash.update(buffer.subarray(0, got));
      done += got;
      if (got % DIRECT_BLOCK_BYTES !== 0) break;
    }
    return hash;
  } finally {
    await file.close();
  }
}
