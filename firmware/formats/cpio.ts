import { NodeosError } from '@nodeos/contracts/errors.ts';

/** An entry of an initramfs archive; paths are relative, without a leading `./` or `/`. */
export type CpioEntry = { readonly path: string; readonly mode: number } & (
  | { readonly kind: 'file'; readonly content: Uint8Array }
  | { readonly kind: 'directory' }
  | { readonly kind: 'symlink'; readonly target: string }
  | { readonly kind: 'character-device'; readonly major: number; readonly minor: number }
);

const TYPE_BITS = { file: 0o100000, directory: 0o040000, symlink: 0o120000, 'character-device': 0o020000 } as const;
const TRAILER = 'TRAILER!!!';
/** Sizes are eight hex digits. */
const SIZE_MAX_BYTES = 0xffff_ffff;

/**
 * Encodes a cpio archive in the "newc" format that Linux unpacks as its first root
 * (Documentation/driver-api/early-userspace/buffer-format.rst). All entries belong to root.
 * @param modified seconds since 1970, the same for all entries
 */
export function encodeCpio(entries: readonly CpioEntry[], modified: number): Buffer {
  const sorted = [...entries].sort((a, b) => (a.path < b.path ? -1 : 1));
  const parts = sorted.flatMap((entry, index) => encodeEntry(entry, index + 1, modified));
  parts.push(header({ inode: 0, mode: 0, links: 1, modified: 0, size: 0, major: 0, minor: 0 }, TRAILER));
  const archive = Buffer.concat(parts);
  return Buffer.concat([archive, Buffer.alloc(-archive.length & 511)]);
}

function encodeEntry(entry: CpioEntry, inode: number, modified: number): Buffer[] {
  const content = contentOf(entry);
  if (content.length > SIZE_MAX_BYTES)
    throw new NodeosError('INTERNAL', `${entry.path} is too large for a cpio archive: ${content.length} bytes`);
  const mode = TYPE_BITS[entry.kind] | (entry.mode & 0o7777);
  const device = entry.kind === 'character-device' ? entry : { major: 0, minor: 0 };
  const links = entry.kind === 'directory' ? 2 : 1;
  const fields = { inode, mode, links, modified, size: content.length, major: device.major, minor: device.minor };
  return [header(fields, entry.path), content, Buffer.alloc(-content.length & 3)];
}

function contentOf(entry: CpioEntry): Buffer {
  if (entry.kind === 'file')
    return Buffer.from(entry.content.buffer, entry.content.byteOffset, entry.content.byteLength);
  return Buffer.from(entry.kind === 'symlink' ? entry.target : '');
}

interface HeaderFields {
  readonly inode: number;
  readonly mode: number;
  readonly links: number;
  readonly modified: number;
  readonly size: number;
  readonly major: number;
  readonly minor: number;
}

/** Header and name, padded so that the content begins at a multiple of four. */
function header(fields: HeaderFields, name: string): Buffer {
  const bytes = Buffer.from(`${name}\0`);
  const numbers = [
    fields.inode,
    fields.mode,
    0,
    0,
    fields.links,
    fields.modified,
    fields.size,
    0,
    0,
    fields.major,
    fields.minor,
    bytes.length,
    0,
  ];
  const text = `070701${numbers.map((number) => number.toString(16).padStart(8, '0')).join('')}`;
  return Buffer.concat([Buffer.from(text, 'latin1'), bytes, Buffer.alloc(-(text.length + bytes.length) & 3)]);
}
