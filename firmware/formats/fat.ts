import { open } from 'node:fs/promises';
import { dirname } from 'node:path/posix';
import { runTool } from '../run-tool.ts';

export interface FatFile {
  /** Path in the volume without a leading slash, e.g. `EFI/BOOT/BOOTX64.EFI`. */
  readonly path: string;
  /** File on the host. */
  readonly source: string;
}

export interface FatRequest {
  /** Image file; made or replaced. */
  readonly output: string;
  readonly bytes: number;
  /** At most 11 upper-case characters. */
  readonly label: string;
  /** 32-bit serial number of the volume. */
  readonly volumeId: number;
  /** Seconds since 1970: the date of everything in the volume. */
  readonly modified: number;
  readonly files: readonly FatFile[];
}

const MIB = 1024 * 1024;
const SECTOR_BYTES = 512;
/** FAT16 has at least 4085 clusters (Microsoft's FAT specification 1.03, "FAT type determination"). */
const FAT16_MIN_CLUSTERS = 4085;
const FAT16_MAX_CLUSTERS = 65_524;
const ROOT_ENTRIES = 512;

/**
 * Makes a FAT16 volume with the same bytes on every run: mkfs.vfat's constants, sorted files, one date.
 * @throws NodeosError TOOL_MISSING, TOOL_FAILED, DISK_FULL
 */
export async function makeFat(request: FatRequest, signal: AbortSignal): Promise<void> {
  const file = await open(request.output, 'w');
  await file.truncate(request.bytes);
  await file.close();
  const id = request.volumeId.toString(16).padStart(8, '0');
  const geometry = ['-F', '16', '-s', String(clusterSectors(request.bytes)), '-r', String(ROOT_ENTRIES)];
  await runTool('mkfs.vfat', ['--invariant', ...geometry, '-i', id, '-n', request.label, request.output], { signal });
  const env = {
    SOURCE_DATE_EPOCH: String(request.modified),
    // No settings of the user's own may change what is written.
    HOME: '/nonexistent',
    MTOOLSRC: '/dev/null',
  };
  const files = [...request.files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const folders = foldersOf(files);
  if (folders.length > 0)
    await runTool('mmd', ['-i', request.output, ...folders.map((path) => `::${path}`)], { signal, env });
  for (const { path, source } of files)
    await runTool('mcopy', ['-i', request.output, source, `::${path}`], { signal, env });
}

/** Sizes of volumes are multiples of this; flash media erase no smaller pieces. */
const SIZE_STEP_BYTES = 65_536;

/** Folders that the files stand in, each after the one that it stands in. */
export function foldersOf(files: readonly Pick<FatFile, 'path'>[]): string[] {
  return [...new Set(files.flatMap((entry) => parents(entry.path)))].sort();
}

/** Size of the smallest volume that holds files of the given sizes (bytes); a folder counts as a small file. */
export function fatBytesFor(fileBytes: readonly number[]): number {
  for (let bytes = 4 * MIB; ; bytes += SIZE_STEP_BYTES) {
    const cluster = clusterSectors(bytes) * SECTOR_BYTES;
    const clusters = Math.ceil(bytes / cluster);
    // mkfs.vfat aligns each part to a cluster: boot sector, two tables, root folder.
    const overhead = cluster + 2 * align(2 * clusters, cluster) + align(32 * ROOT_ENTRIES, cluster);
    const content = fileBytes.reduce((sum, size) => sum + align(size, cluster), 0);
    if (overhead + content <= bytes) return bytes;
  }
}

function align(bytes: number, unit: number): number {
  return Math.ceil(bytes / unit) * unit;
}

/** 4 KiB where the volume is large enough for it: the page size, and what flash writes at once. */
function clusterSectors(bytes: number): number {
  const clusters = (sectors: number): number => bytes / (sectors * SECTOR_BYTES);
  let sectors = 8;
  while (sectors > 1 && clusters(sectors) < FAT16_MIN_CLUSTERS + 64) sectors /= 2;
  while (clusters(sectors) > FAT16_MAX_CLUSTERS) sectors *= 2;
  return sectors;
}

/** `a/b/c` → `a`, `a/b` */
function parents(path: string): string[] {
  const parent = dirname(path);
  return parent === '.' ? [] : [...parents(parent), parent];
}
