import { NodeosError } from '@nodeos/contracts/errors.ts';

/** An entry of a tar archive; all belong to root. */
export interface TarEntry {
  /** Without a leading or trailing slash. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  /** Of a file. */
  readonly bytes?: number;
  /** Of a link. */
  readonly target?: string;
}

const TAR_BLOCK_BYTES = 512;
/** Two blocks of zeros end an archive (POSIX.1-2017, pax, "ustar Interchange Format"). */
export const TAR_END = Buffer.alloc(2 * TAR_BLOCK_BYTES);
const TYPES = { file: '0', directory: '5', symlink: '2' } as const;
/** Sizes are eleven octal digits. */
const SIZE_MAX_BYTES = 0o77777777777;

/**
 * The header of an entry in the ustar format (POSIX.1-2017, pax, "ustar Interchange Format"); after a file's header come
 * its bytes and `tarPadding`.
 * @param modified seconds since 1970
 * @throws NodeosError INPUT_INVALID for a path or link that the format cannot hold
 */
export function tarHeader(entry: TarEntry, modified: number): Buffer {
  const { kind, mode, bytes = 0, target = '' } = entry;
  const path = kind === 'directory' ? `${entry.path}/` : entry.path;
  const { name, prefix } = splitPath(path);
  if (Buffer.byteLength(target) > 100 || bytes > SIZE_MAX_BYTES)
    throw new NodeosError('INPUT_INVALID', `${path} does not fit in a tar archive: link too long, or file too large`);
  const header = Buffer.alloc(TAR_BLOCK_BYTES);
  const octal = (value: number, at: number, digits: number): void => {
    header.write(value.toString(8).padStart(digits, '0'), at, 'latin1');
  };
  header.write(name, 0);
  octal(mode & 0o7777, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(bytes, 124, 11);
  octal(modified, 136, 11);
  header.write('        ', 148, 'latin1');
  header.write(TYPES[kind], 156, 'latin1');
  header.write(target, 157);
  header.write('ustar\x0000root', 257, 'latin1');
  header.write('root', 297, 'latin1');
  header.write(prefix, 345);
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  header[154] = 0;
  return header;
}

/** What fills a file's last block. */
export function tarPadding(bytes: number): Buffer {
  return Buffer.alloc(-bytes & (TAR_BLOCK_BYTES - 1));
}

/** A path of more than 100 bytes is split at a slash: 155 bytes before it, 100 behind. */
function splitPath(path: string): { name: string; prefix: string } {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: '' };
  for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)];
    if (name !== '' && Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100) return { name, prefix };
  }
  throw new NodeosError('INPUT_INVALID', `the path ${path} is too long for a tar archive`);
}
