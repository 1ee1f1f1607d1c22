import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { NodeosError } from '@nodeos/contracts/errors.ts';

const BLOCK = 512;
const NAME_BYTES = 100;

export interface TarEntry {
  /** At most 100 octets, relative, with `/`. */
  readonly name: string;
  readonly bytes: number;
  readonly mode: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/** POSIX ustar (IEEE Std 1003.1-2001, pax, "ustar Interchange Format"): regular files only. */
export function packTar(entries: AsyncIterable<TarEntry>): Readable {
  async function* octets(): AsyncGenerator<Uint8Array> {
    for await (const entry of entries) {
      yield header(entry);
      let written = 0;
      for await (const chunk of entry.content) {
        written += chunk.length;
        if (written > entry.bytes) break;
        yield chunk;
      }
      if (written !== entry.bytes)
        throw new NodeosError('LENGTH_MISMATCH', `${entry.name} changed its length while it was read`);
      yield Buffer.alloc((BLOCK - (written % BLOCK)) % BLOCK);
    }
    yield Buffer.alloc(2 * BLOCK);
  }
  return Readable.from(octets());
}

function header({ name, bytes, mode }: TarEntry): Buffer {
  const block = Buffer.alloc(BLOCK);
  if (Buffer.byteLength(name) > NAME_BYTES) throw new NodeosError('INTERNAL', `${name} is too long for a tar archive`);
  block.write(name, 0);
  const octal = (value: number, offset: number, length: number): void =>
    void block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(bytes, 124, 12);
  octal(0, 136, 12);
  block.write('        0', 148);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, octet) => total + octet, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/**
 * Unpacks what `packTar` made into a folder; names that lead out of it are refused.
 * @returns the names of the files, in their order
 * @throws NodeosError BACKUP_INVALID
 */
export async function unpackTar(source: AsyncIterable<Uint8Array>, folder: string): Promise<string[]> {
  const reader = new BlockReader(source);
  const names: string[] = [];
  for (;;) {
    const block = await reader.take(BLOCK);
    if (block === null) throw damaged('it ends in the middle');
    if (block.every((octet) => octet === 0)) return names;
    const { name, bytes, mode } = readHeader(block);
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await pipeline(reader.stream(bytes), createWriteStream(path, { flags: 'wx', mode, flush: true }));
    await reader.take((BLOCK - (bytes % BLOCK)) % BLOCK);
    names.push(name);
  }
}

function readHeader(block: Buffer): Omit<TarEntry, 'content'> {
  const text = (offset: number, length: number): string =>
    block.toString('utf8', offset, offset + length).replace(/\0.*$/s, '');
  const sum = Number.parseInt(text(148, 8), 8);
  const blank = Buffer.from(block).fill(' ', 148, 156);
  const name = text(0, NAME_BYTES);
  if (blank.reduce((total, octet) => total + octet, 0) !== sum) throw damaged('it is not a tar archive');
  if (name === '' || name.startsWith('/') || normalize(name) !== name || name.split('/').includes('..'))
    throw damaged(`it holds a file with the name ${JSON.stringify(name)}`);
  return { name, bytes: Number.parseInt(text(124, 12), 8), mode: Number.parseInt(text(100, 8), 8) & 0o777 };
}

function damaged(what: string): NodeosError {
  return new NodeosError('BACKUP_INVALID', `the backup cannot be used: ${what}`);
}

/** Cuts a stream of chunks of any length into what is asked for. */
class BlockReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  async take(bytes: number): Promise<Buffer | null> {
    const parts: Uint8Array[] = [];
    for await (const part of this.stream(bytes)) parts.push(part);
    const all = Buffer.concat(parts);
    return all.length < bytes ? null : all;
  }

  async *stream(bytes: number): AsyncGenerator<Uint8Array> {
    let left = bytes;
    while (left > 0) {
      if (this.#rest.length === 0) {
        const { value, done } = await this.#chunks.next();
        if (done === true) return;
        this.#rest = value;
      }
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }
}
