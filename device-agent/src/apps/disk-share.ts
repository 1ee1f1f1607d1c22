const KIB = 1024;
const MIB = KIB * KIB;

/** Part of the data partition that a user may fill who asks for no other. */
const DEFAULT_PART = 1 / 4;
/** On the smallest media a quarter would hold nobody's data. */
const DEFAULT_LEAST_MIB = 16;
const FILES_LEAST = 512;

/** Size of the data partition, as statfs(2) gives it: octets of a block, blocks, inodes (0: they are not counted). */
export interface DiskSize {
  readonly bsize: number;
  readonly blocks: number;
  readonly files: number;
}
export interface DiskShare {
  readonly kib: number;
  readonly files: number;
}

/** What a user may fill: as much as its manifest says, and of the files the same part. */
export function diskShare({ bsize, blocks, files }: DiskSize, diskMiB?: number): DiskShare {
  const bytes = bsize * blocks;
  const wanted = diskMiB === undefined ? Math.max(bytes * DEFAULT_PART, DEFAULT_LEAST_MIB * MIB) : diskMiB * MIB;
  return {
    kib: Math.ceil(wanted / KIB),
    files: Math.max(Math.ceil(files * Math.min(1, wanted / bytes)), FILES_LEAST),
  };
}
