import { NodeosError } from '@nodeos/contracts/errors.ts';

export const SECTOR_BYTES = 512;
/** Code of the boot sector ends where the disk signature begins. */
export const BOOT_CODE_BYTES = 440;
const ENTRY_TABLE = 446;
const ENTRY_BYTES = 16;

/** Partition types that we write (the type byte of an MBR entry). */
export const PARTITION_TYPES = { fat: 0x0c, linux: 0x83 } as const;

export interface MbrPartition {
  /** Type byte; 0 is an empty entry. */
  readonly type: number;
  readonly active: boolean;
  /** First sector and count, of 512 bytes. */
  readonly start: number;
  readonly sectors: number;
}

export interface Mbr {
  /** 32 bits that name the disk; Linux shows them as PARTUUID. */
  readonly signature: number;
  /** At most four, in the order of their numbers. */
  readonly partitions: readonly MbrPartition[];
  /** At most 440 bytes of boot code. */
  readonly bootCode?: Uint8Array;
}

/** The first sector of a disk: boot code, disk signature, partition table. */
export function encodeMbr(mbr: Mbr): Buffer {
  const code = mbr.bootCode ?? new Uint8Array();
  if (code.length > BOOT_CODE_BYTES)
    throw new NodeosError('INTERNAL', `boot code of ${code.length} bytes does not fit before the disk signature`);
  if (mbr.partitions.length > 4)
    throw new NodeosError('INTERNAL', `an MBR holds four partitions, not ${mbr.partitions.length}`);
  const sector = Buffer.alloc(SECTOR_BYTES);
  sector.set(code);
  sector.writeUInt32LE(mbr.signature, BOOT_CODE_BYTES);
  mbr.partitions.forEach((partition, index) => {
    const at = ENTRY_TABLE + index * ENTRY_BYTES;
    if (partition.type === 0) return;
    sector[at] = partition.active ? 0x80 : 0;
    sector.set(cylinderHeadSector(partition.start), at + 1);
    sector[at + 4] = partition.type;
    sector.set(cylinderHeadSector(partition.start + partition.sectors - 1), at + 5);
    sector.writeUInt32LE(partition.start, at + 8);
    sector.writeUInt32LE(partition.sectors, at + 12);
  });
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

/** Reads a boot sector; entries of type 0 stay in the list so that numbers keep. @throws NodeosError INPUT_INVALID */
export function decodeMbr(sector: Uint8Array): Mbr {
  const bytes = Buffer.from(sector.buffer, sector.byteOffset, sector.byteLength);
  if (bytes.length < SECTOR_BYTES || bytes.readUInt16LE(510) !== 0xaa55)
    throw new NodeosError('INPUT_INVALID', 'not a boot sector: its last two bytes are not 55 aa');
  const partitions = [0, 1, 2, 3].map((index) => {
    const at = ENTRY_TABLE + index * ENTRY_BYTES;
    return {
      type: bytes.readUInt8(at + 4),
      active: bytes.readUInt8(at) === 0x80,
      start: bytes.readUInt32LE(at + 8),
      sectors: bytes.readUInt32LE(at + 12),
    };
  });
  return {
    signature: bytes.readUInt32LE(BOOT_CODE_BYTES),
    partitions,
    bootCode: Buffer.from(bytes.subarray(0, BOOT_CODE_BYTES)),
  };
}

/** The address form of old BIOSes, with the usual 255 heads and 63 sectors; 1023/254/63 where it does not reach. */
function cylinderHeadSector(sector: number): [number, number, number] {
  const cylinder = Math.floor(sector / (255 * 63));
  if (cylinder > 1023) return [254, 0xff, 0xff];
  const head = Math.floor(sector / 63) % 255;
  return [head, ((sector % 63) + 1) | ((cylinder >> 2) & 0xc0), cylinder & 0xff];
}
