import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { runTool } from '../run-tool.ts';
import { writeAll } from './sparse.ts';

/** What a file is, by its first bytes. */
export type ImageKind = 'img' | 'img.zst' | 'iso' | 'qcow2' | 'tar';

const BLOCK_BYTES = 4096;
/** Where the formats have their marks. */
const MARKS: readonly { readonly kind: ImageKind; readonly offset: number; readonly bytes: Buffer }[] = [
  // RFC 8878, section 3.1.1
  { kind: 'img.zst', offset: 0, bytes: Buffer.from('28b52ffd', 'hex') },
  // QEMU, docs/interop/qcow2.txt
  { kind: 'qcow2', offset: 0, bytes: Buffer.from('QFI\xfb', 'latin1') },
  // ECMA-119, 8.1: before a boot sector's mark, since a disc that is a disk too has both.
  { kind: 'iso', offset: 32_769, bytes: Buffer.from('CD001') },
  { kind: 'img', offset: 510, bytes: Buffer.from('55aa', 'hex') },
  { kind: 'tar', offset: 257, bytes: Buffer.from('ustar') },
];

/** @throws NodeosError FILE_UNREADABLE; INPUT_INVALID for a file of no known kind */
export async function imageKind(path: string): Promise<ImageKind> {
  const head = Buffer.alloc(32_774);
  const file = await open(path, 'r').catch((cause: Error) => {
    throw new NodeosError('FILE_UNREADABLE', `the image ${path} cannot be read: ${cause.message}`, { cause });
  });
  try {
    await file.read(head, 0, head.length, 0);
  } finally {
    await file.close();
  }
  const mark = MARKS.find(({ offset, bytes }) => head.subarray(offset, offset + bytes.length).equals(bytes));
  if (mark) return mark.kind;
  throw new NodeosError(
    'INPUT_INVALID',
    `${path} is no image: it has neither a partition table nor another known mark`,
  );
}

/**
 * Writes the disk that is in a compressed image or a qcow2; blocks of zeros become holes.
 * @throws NodeosError INPUT_INVALID where the image is damaged, FILE_UNREADABLE, TOOL_MISSING, TOOL_FAILED, DISK_FULL
 */
export async function unpackImage(
  path: string,
  kind: 'img.zst' | 'qcow2',
  output: string,
  signal?: AbortSignal,
): Promise<void> {
  if (kind === 'qcow2') {
    await runTool('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', path, output], { signal });
    return;
  }
  const target = await open(output, 'w');
  try {
    let position = 0;
    const zeros = Buffer.alloc(BLOCK_BYTES);
    const plain = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
      for await (const chunk of chunks) {
        for (let at = 0; at < chunk.length; at += BLOCK_BYTES) {
          const block = chunk.subarray(at, at + BLOCK_BYTES);
          if (!block.equals(zeros.subarray(0, block.length))) await writeAll(target, block, position + at);
        }
        position += chunk.length;
      }
    };
    await pipeline(createReadStream(path), createZstdDecompress(), plain, { signal });
    await target.truncate(position);
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    if (code === 'ENOSPC') throw new NodeosError('DISK_FULL', `no space left for the disk at ${output}`, { cause });
    if (code === 'ENOENT' || code === 'EACCES')
      throw new NodeosError('FILE_UNREADABLE', `the image ${path} cannot be read: ${code}`, { cause });
    // Z_BUF_ERROR: it ends too early.
    if (!code.startsWith('ZSTD_') && code !== 'Z_BUF_ERROR') throw cause;
    throw new NodeosError('INPUT_INVALID', `${path} is damaged: ${(cause as Error).message}`, {
      hint: 'Build or download the image again.',
      cause,
    });
  } finally {
    await target.close();
  }
}
