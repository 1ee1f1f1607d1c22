import { NodeosError } from '@nodeos/contracts/errors.ts';

export const ISO_SECTOR_BYTES = 2048;
/** The sectors before are left to whoever starts from the disk itself (ECMA-119, 6.2.1). */
export const ISO_FIRST_SECTOR = 16;
/** Descriptors, path tables, root folder, boot catalog: from the first sector on, one sector each. */
export const ISO_HEAD_SECTORS = 7;

/** A file of the root folder; its bytes stand anywhere on the medium and are not written here. */
export interface IsoFile {
  /** 1 to 8 letters, digits or `_`, a dot, and at most 3 more; readers show them in lower case. */
  readonly name: string;
  /** Byte offset on the medium, a multiple of ISO_SECTOR_BYTES. */
  readonly offset: number;
  readonly bytes: number;
}

/** What firmware loads from the disc (El Torito 1.0; UEFI Specification 2.10, section 13.3.2.1). */
export interface BootEntry {
  readonly platform: 'bios' | 'uefi';
  readonly offset: number;
  /** Bytes that the firmware takes as the image: a program for BIOS, a FAT volume for UEFI. */
  readonly bytes: number;
}

export interface IsoVolume {
  /** At most 32 upper-case letters, digits or `_`. */
  readonly label: string;
  /** Size of the medium. */
  readonly bytes: number;
  /** Seconds since 1970: the date of everything. */
  readonly modified: number;
  readonly files: readonly IsoFile[];
  readonly boot: readonly BootEntry[];
}

const SECTORS = { primary: 16, bootRecord: 17, end: 18, pathsLittle: 19, pathsBig: 20, root: 21, catalog: 22 } as const;
const PATH_TABLE_BYTES = 10;
const PLATFORMS = { bios: 0x00, uefi: 0xef } as const;

/**
 * The head of an ISO 9660 volume (ECMA-119, level 1) with one folder and an El Torito boot catalog.
 * @returns the bytes from ISO_FIRST_SECTOR on
 * @throws NodeosError INTERNAL where a name or a place does not fit
 */
export function encodeIsoHead(volume: IsoVolume): Buffer {
  const head = Buffer.alloc(ISO_HEAD_SECTORS * ISO_SECTOR_BYTES);
  const put = (sector: number, bytes: Buffer): void => {
    if (bytes.length > ISO_SECTOR_BYTES) throw new NodeosError('INTERNAL', 'the folder of an ISO image is too large');
    bytes.copy(head, (sector - ISO_FIRST_SECTOR) * ISO_SECTOR_BYTES);
  };
  put(SECTORS.primary, primaryDescriptor(volume));
  put(SECTORS.bootRecord, bootRecord());
  put(SECTORS.end, descriptor(255));
  put(SECTORS.pathsLittle, pathTable('little'));
  put(SECTORS.pathsBig, pathTable('big'));
  put(SECTORS.root, rootFolder(volume));
  put(SECTORS.catalog, bootCatalog(volume.boot));
  return head;
}

function descriptor(type: number): Buffer {
  const bytes = Buffer.alloc(ISO_SECTOR_BYTES);
  bytes[0] = type;
  bytes.write('CD001', 1, 'latin1');
  bytes[6] = 1;
  return bytes;
}

/** ECMA-119, 8.4 */
function primaryDescriptor({ label, bytes, modified }: IsoVolume): Buffer {
  const primary = descriptor(1);
  const text = (value: string, from: number, length: number): void => {
    primary.write(value.padEnd(length), from, 'latin1');
  };
  text('', 8, 32);
  text(label, 40, 32);
  both32(primary, sectorOf(bytes), 80);
  both16(primary, 1, 120);
  both16(primary, 1, 124);
  both16(primary, ISO_SECTOR_BYTES, 128);
  both32(primary, PATH_TABLE_BYTES, 132);
  primary.writeUInt32LE(SECTORS.pathsLittle, 140);
  primary.writeUInt32BE(SECTORS.pathsBig, 148);
  folderEntry('\0', modified).copy(primary, 156);
  text('', 190, 623);
  const date = new Date(modified * 1000)
    .toISOString()
    .replaceAll(/[-:T.Z]/g, '')
    .slice(0, 16);
  for (const at of [813, 830]) primary.write(date, at, 'latin1');
  for (const at of [847, 864]) primary.write('0'.repeat(16), at, 'latin1');
  primary[881] = 1;
  return primary;
}

function bootRecord(): Buffer {
  const record = descriptor(0);
  record.write('EL TORITO SPECIFICATION', 7, 'latin1');
  record.writeUInt32LE(SECTORS.catalog, 71);
  return record;
}

/** One entry: the root folder (ECMA-119, 9.4). */
function pathTable(order: 'little' | 'big'): Buffer {
  const table = Buffer.alloc(PATH_TABLE_BYTES);
  table[0] = 1;
  if (order === 'little') table.writeUInt32LE(SECTORS.root, 2);
  else table.writeUInt32BE(SECTORS.root, 2);
  if (order === 'little') table.writeUInt16LE(1, 6);
  else table.writeUInt16BE(1, 6);
  return table;
}

function rootFolder({ files, modified }: IsoVolume): Buffer {
  const entries = files
    .map((file) => ({ ...file, name: `${file.name.toUpperCase()};1` }))
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .map(({ name, offset, bytes }) => {
      if (!/^[A-Z0-9_]{1,8}\.[A-Z0-9_]{0,3};1$/.test(name))
        throw new NodeosError('INTERNAL', `${name} is no name for a file of an ISO image`);
      return folderRecord({ name, sector: sectorOf(offset), bytes, flags: 0, modified });
    });
  return Buffer.concat([folderEntry('\0', modified), folderEntry('\x01', modified), ...entries]);
}

/** The root folder itself (name 0) or the one above it, the same (name 1). */
function folderEntry(name: '\0' | '\x01', modified: number): Buffer {
  return folderRecord({ name, sector: SECTORS.root, bytes: ISO_SECTOR_BYTES, flags: 2, modified });
}

/** ECMA-119, 9.1 */
function folderRecord(entry: {
  readonly name: string;
  readonly sector: number;
  readonly bytes: number;
  readonly flags: number;
  readonly modified: number;
}): Buffer {
  const { name, sector, bytes, flags, modified } = entry;
  const record = Buffer.alloc(33 + name.length + (name.length % 2 === 0 ? 1 : 0));
  record[0] = record.length;
  both32(record, sector, 2);
  both32(record, bytes, 10);
  const date = new Date(modified * 1000);
  record.set(
    [
      date.getUTCFullYear() - 1900,
      date.getUTCMonth() + 1,
      date.getUTCDate(),
      date.getUTCHours(),
      date.getUTCMinutes(),
      date.getUTCSeconds(),
      0,
    ],
    18,
  );
  record[25] = flags;
  both16(record, 1, 28);
  record[32] = name.length;
  record.write(name, 33, 'latin1');
  return record;
}

/** El Torito 1.0, section 2: the first entry is the default one, each other has a section of its own. */
function bootCatalog(boot: readonly BootEntry[]): Buffer {
  const [first, ...others] = boot;
  if (first === undefined) throw new NodeosError('INTERNAL', 'an ISO image without anything to boot');
  const validation = Buffer.alloc(32);
  validation[0] = 1;
  validation[1] = PLATFORMS[first.platform];
  validation.write('NodeOS', 4, 'latin1');
  validation.writeUInt16LE(0xaa55, 30);
  let sum = 0;
  for (let at = 0; at < 32; at += 2) sum += validation.readUInt16LE(at);
  validation.writeUInt16LE(-sum & 0xffff, 28);
  const sections = others.flatMap((entry, index) => {
    const header = Buffer.alloc(32);
    header[0] = index === others.length - 1 ? 0x91 : 0x90;
    header[1] = PLATFORMS[entry.platform];
    header.writeUInt16LE(1, 2);
    return [header, bootEntry(entry)];
  });
  return Buffer.concat([validation, bootEntry(first), ...sections]);
}

function bootEntry({ offset, bytes }: BootEntry): Buffer {
  const entry = Buffer.alloc(32);
  // Bootable, no emulation of a floppy or a disk.
  entry[0] = 0x88;
  entry.writeUInt16LE(Math.ceil(bytes / 512), 6);
  entry.writeUInt32LE(sectorOf(offset), 8);
  return entry;
}

function sectorOf(offset: number): number {
  if (offset % ISO_SECTOR_BYTES === 0) return offset / ISO_SECTOR_BYTES;
  throw new NodeosError('INTERNAL', `offset ${offset} is in the middle of a sector of a CD`);
}

function both16(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt16LE(value, at);
  bytes.writeUInt16BE(value, at + 2);
}

function both32(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value, at);
  bytes.writeUInt32BE(value, at + 4);
}
