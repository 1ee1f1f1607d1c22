import { NodeosError } from './errors.ts';

/** Reads `length` bytes at `offset` of the volume; fewer only at its end. */
export type ReadAt = (offset: number, length: number) => Buffer;

export interface FatEntry {
  readonly name: string;
  readonly directory: boolean;
  readonly bytes: number;
}

/** A FAT volume, read only. Paths are absolute, `/` between names, letters of either case. */
export interface FatVolume {
  readonly bits: 12 | 16 | 32;
  /** @throws NodeosError FILE_UNREADABLE where there is no such folder, INPUT_INVALID where the volume is damaged */
  list(path: string): FatEntry[];
  /** Null where there is no such file or folder. */
  find(path: string): FatEntry | null;
  /** Whole file; one larger than `maxBytes` is refused. */
  readFile(path: string, maxBytes?: number): Buffer;
  /** The file in pieces of at most `chunkBytes`. */
  chunks(path: string, chunkBytes?: number): Generator<Buffer>;
  /** Byte offset in the volume of the file's first sector; the file must fit one cluster, so that it is contiguous. */
  locate(path: string): { readonly offset: number; readonly bytes: number };
}

interface Geometry {
  readonly bits: 12 | 16 | 32;
  readonly fatOffset: number;
  readonly fatBytes: number;
  readonly rootOffset: number;
  /** FAT12/16: size of the fixed root folder; 0 on FAT32. */
  readonly rootBytes: number;
  readonly rootCluster: number;
  readonly dataOffset: number;
  readonly clusterBytes: number;
  readonly clusters: number;
}

interface Node extends FatEntry {
  readonly shortName: string;
  readonly cluster: number;
}

const ENTRY_BYTES = 32;
/** A folder holds at most 65,536 entries (FAT specification 1.03, section 6). */
const FOLDER_MAX_BYTES = 65_536 * ENTRY_BYTES;
const DEFAULT_CHUNK_BYTES = 65_536;
const DEFAULT_FILE_MAX_BYTES = 1_048_576;

/**
 * Opens a FAT12, FAT16 or FAT32 volume (Microsoft FAT specification 1.03).
 * Whatever the volume holds, every call ends: chains and folders have limits.
 * @throws NodeosError INPUT_INVALID where it is no FAT volume
 */
export function openFat(read: ReadAt): FatVolume {
  const geometry = readGeometry(readExactly(read, 0, 512));

  function nextCluster(cluster: number): number | null {
    const { bits, fatOffset, fatBytes } = geometry;
    const position = bits === 12 ? cluster + (cluster >> 1) : (cluster * bits) / 8;
    if (position + (bits === 32 ? 4 : 2) > fatBytes)
      throw damaged(`cluster ${cluster} lies outside the allocation table`);
    const cell = readExactly(read, fatOffset + position, bits === 32 ? 4 : 2);
    let next: number;
    if (bits === 32) next = cell.readUInt32LE(0) & 0x0fff_ffff;
    else if (bits === 16) next = cell.readUInt16LE(0);
    else next = cluster & 1 ? cell.readUInt16LE(0) >> 4 : cell.readUInt16LE(0) & 0xfff;
    const endMark = bits === 32 ? 0x0fff_fff8 : bits === 16 ? 0xfff8 : 0xff8;
    return next >= endMark ? null : next;
  }

  function clusterOffset(cluster: number): number {
    if (cluster < 2 || cluster >= geometry.clusters + 2) throw damaged(`cluster ${cluster} does not exist`);
    return geometry.dataOffset + (cluster - 2) * geometry.clusterBytes;
  }

  /** Areas of a chain that hold `bytes` bytes; neighbouring clusters become one area. */
  function* areas(first: number, bytes: number): Generator<{ offset: number; length: number }> {
    let cluster: number | null = first;
    let left = bytes;
    let area: { offset: number; length: number } | null = null;
    for (let count = 0; left > 0; count++) {
      if (cluster === null) throw damaged('a chain ends before its file does');
      if (count > geometry.clusters) throw damaged('a chain runs in a loop');
      const offset = clusterOffset(cluster);
      const length = Math.min(left, geometry.clusterBytes);
      if (area && area.offset + area.length === offset) area.length += length;
      else {
        if (area) yield area;
        area = { offset, length };
      }
      left -= length;
      if (left > 0) cluster = nextCluster(cluster);
    }
    if (area) yield area;
  }

  function* contents(node: Node, chunkBytes: number): Generator<Buffer> {
    for (const area of areas(node.cluster, node.bytes)) {
      for (let done = 0; done < area.length; done += chunkBytes)
        yield readExactly(read, area.offset + done, Math.min(chunkBytes, area.length - done));
    }
  }

  function folderBytes(cluster: number): Buffer {
    if (cluster === 0 && geometry.rootBytes > 0) return readExactly(read, geometry.rootOffset, geometry.rootBytes);
    const pieces: Buffer[] = [];
    let next: number | null = cluster === 0 ? geometry.rootCluster : cluster;
    for (let total = 0; next !== null; total += geometry.clusterBytes) {
      if (total >= FOLDER_MAX_BYTES) throw damaged('a folder is larger than the format allows, or its chain is a loop');
      pieces.push(readExactly(read, clusterOffset(next), geometry.clusterBytes));
      next = nextCluster(next);
    }
    return Buffer.concat(pieces);
  }

  function walk(path: string): Node | null {
    let node: Node = { name: '', shortName: '', directory: true, bytes: 0, cluster: 0 };
    for (const name of path.split('/').filter((part) => part !== '')) {
      if (!node.directory) return null;
      const wanted = name.toLowerCase();
      const found = parseFolder(folderBytes(node.cluster)).find(
        (entry) => entry.name.toLowerCase() === wanted || entry.shortName.toLowerCase() === wanted,
      );
      if (!found) return null;
      node = found;
    }
    return node;
  }

  function file(path: string): Node {
    const node = walk(path);
    if (!node || node.directory) throw new NodeosError('FILE_UNREADABLE', `${path} is not a file of the FAT volume`);
    return node;
  }

  return {
    bits: geometry.bits,
    list(path) {
      const node = walk(path);
      if (!node?.directory) throw new NodeosError('FILE_UNREADABLE', `${path} is not a folder of the FAT volume`);
      return parseFolder(folderBytes(node.cluster)).map(toEntry);
    },
    find(path) {
      const node = walk(path);
      return node && toEntry(node);
    },
    readFile(path, maxBytes = DEFAULT_FILE_MAX_BYTES) {
      const node = file(path);
      if (node.bytes > maxBytes)
        throw new NodeosError('INPUT_INVALID', `${path} has ${node.bytes} bytes, more than ${maxBytes}`);
      return Buffer.concat([...contents(node, DEFAULT_CHUNK_BYTES)]);
    },
    *chunks(path, chunkBytes = DEFAULT_CHUNK_BYTES) {
      yield* contents(file(path), chunkBytes);
    },
    locate(path) {
      const node = file(path);
      if (node.bytes === 0 || node.bytes > geometry.clusterBytes)
        throw new NodeosError('INPUT_INVALID', `${path} has ${node.bytes} bytes and does not fill just one cluster`);
      return { offset: clusterOffset(node.cluster), bytes: node.bytes };
    },
  };
}

/** Boot sector → where everything lies. Field offsets: FAT specification 1.03, section 3. */
function readGeometry(sector: Buffer): Geometry {
  const bytesPerSector = sector.readUInt16LE(11);
  const sectorsPerCluster = sector.readUInt8(13);
  const reserved = sector.readUInt16LE(14);
  const copies = sector.readUInt8(16);
  const rootEntries = sector.readUInt16LE(17);
  const totalSectors = sector.readUInt16LE(19) || sector.readUInt32LE(32);
  const shortFatSectors = sector.readUInt16LE(22);
  const fatSectors = shortFatSectors || sector.readUInt32LE(36);
  if (sector.readUInt16LE(510) !== 0xaa55) throw damaged('its boot sector has no signature');
  if (![512, 1024, 2048, 4096].includes(bytesPerSector)) throw damaged(`${bytesPerSector} bytes in a sector`);
  if (!isPowerOfTwo(sectorsPerCluster)) throw damaged(`${sectorsPerCluster} sectors in a cluster`);
  if (reserved === 0 || copies === 0 || copies > 4 || fatSectors === 0)
    throw damaged('a field of its boot sector is 0');

  const fatOffset = reserved * bytesPerSector;
  const fatBytes = fatSectors * bytesPerSector;
  const rootOffset = fatOffset + copies * fatBytes;
  const rootBytes = rootEntries * ENTRY_BYTES;
  const dataOffset = rootOffset + Math.ceil(rootBytes / bytesPerSector) * bytesPerSector;
  const clusterBytes = sectorsPerCluster * bytesPerSector;
  const clusters = Math.floor((totalSectors * bytesPerSector - dataOffset) / clusterBytes);
  if (clusters < 1) throw damaged('it has no room for data');
  // Linux decides so too (fs/fat/inode.c): mkfs.vfat -F 32 makes FAT32 volumes below the specification's 65,525 clusters.
  const bits = shortFatSectors === 0 ? 32 : clusters < 4085 ? 12 : 16;
  if (bits !== 32 && rootEntries === 0) throw damaged('it has no root folder');
  const rootCluster = bits === 32 ? sector.readUInt32LE(44) : 0;
  return {
    bits,
    fatOffset,
    fatBytes,
    rootOffset,
    rootBytes: bits === 32 ? 0 : rootBytes,
    rootCluster,
    dataOffset,
    clusterBytes,
    clusters,
  };
}

/** Entries of a folder; long names are joined (section 7), labels and deleted entries left out. */
function parseFolder(bytes: Buffer): Node[] {
  const nodes: Node[] = [];
  let longName: { text: string; checksum: number; next: number } | null = null;
  for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
    const entry = bytes.subarray(at, at + ENTRY_BYTES);
    const first = entry.readUInt8(0);
    const attributes = entry.readUInt8(11);
    if (first === 0) break;
    if (first === 0xe5) longName = null;
    else if ((attributes & 0x3f) === 0x0f) {
      const order = first & 0x3f;
      const checksum = entry.readUInt8(13);
      if (first & 0x40) longName = { text: longNamePart(entry), checksum, next: order - 1 };
      else if (longName && order === longName.next && checksum === longName.checksum)
        longName = { text: longNamePart(entry) + longName.text, checksum, next: order - 1 };
      else longName = null;
    } else {
      const valid = longName?.next === 0 && longName.checksum === shortNameChecksum(entry) ? longName.text : null;
      longName = null;
      if (attributes & 0x08) continue;
      const shortName = readShortName(entry);
      if (shortName === '.' || shortName === '..') continue;
      nodes.push({
        name: valid || shortName,
        shortName,
        directory: (attributes & 0x10) !== 0,
        bytes: attributes & 0x10 ? 0 : entry.readUInt32LE(28),
        cluster: entry.readUInt16LE(20) * 0x1_0000 + entry.readUInt16LE(26),
      });
    }
  }
  return nodes;
}

function longNamePart(entry: Buffer): string {
  const text = Buffer.concat([entry.subarray(1, 11), entry.subarray(14, 26), entry.subarray(28, 32)]).toString(
    'utf16le',
  );
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

function shortNameChecksum(entry: Buffer): number {
  return entry.subarray(0, 11).reduce((sum, byte) => (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff, 0);
}

function readShortName(entry: Buffer): string {
  // Byte 12 holds two bits of Windows NT: name and extension are meant in lower case.
  const flags = entry.readUInt8(12);
  const base = entry.toString('latin1', 0, 8).trimEnd();
  const extension = entry.toString('latin1', 8, 11).trimEnd();
  const name = flags & 0x08 ? base.toLowerCase() : base;
  const suffix = flags & 0x10 ? extension.toLowerCase() : extension;
  return suffix ? `${name}.${suffix}` : name;
}

function toEntry({ name, directory, bytes }: Node): FatEntry {
  return { name, directory, bytes };
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}

function readExactly(read: ReadAt, offset: number, length: number): Buffer {
  const bytes = read(offset, length);
  if (bytes.length !== length) throw damaged(`bytes ${offset} to ${offset + length} lie behind its end`);
  return bytes;
}

function damaged(what: string): NodeosError {
  return new NodeosError('INPUT_INVALID', `not a whole FAT volume: ${what}`);
}
