import { readdir, rm } from 'node:fs/promises';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { runTool } from '../run-tool.ts';

/** How a squashfs is compressed: smaller (xz, large blocks) or faster to read (zstd). */
export type SquashfsCompression =
  | {
      readonly algorithm: 'zstd';
      /** 1 to 22. */
      readonly level: number;
      readonly blockBytes: number;
    }
  | {
      readonly algorithm: 'xz';
      /** Filter for the machine code of that processor. */
      readonly filter?: 'x86' | 'arm' | 'armthumb';
      readonly blockBytes: number;
    };

export interface SquashfsRequest {
  /** Folder whose content becomes the root. */
  readonly source: string;
  readonly output: string;
  /** Seconds since 1970: the date of the file system; no file in it is younger. */
  readonly modified: number;
  readonly compression: SquashfsCompression;
}

const COMMON_OPTIONS = ['-all-root', '-no-xattrs', '-reproducible', '-no-progress', '-quiet'] as const;

/**
 * Makes a squashfs that depends on names, modes and bytes below `source` only: everything belongs to root, no extended
 * attributes, no date after `modified`.
 * @throws NodeosError TOOL_MISSING, TOOL_FAILED, DISK_FULL
 */
export async function makeSquashfs(request: SquashfsRequest, signal: AbortSignal): Promise<void> {
  await rm(request.output, { force: true });
  const args = [
    request.source,
    request.output,
    '-noappend',
    ...COMMON_OPTIONS,
    ...compressionArguments(request.compression),
  ];
  // mksquashfs takes the date from its environment or its arguments, never both.
  await runTool('mksquashfs', args, { signal, env: { SOURCE_DATE_EPOCH: String(request.modified) } });
}

/**
 * Appends a folder's content to a squashfs, with the compression that it has. Every name at the top must be new in it;
 * what is already there is not compressed again.
 * @throws NodeosError TOOL_MISSING, TOOL_FAILED, DISK_FULL
 */
export async function appendSquashfs(
  request: Pick<SquashfsRequest, 'source' | 'output' | 'modified'>,
  signal: AbortSignal,
): Promise<void> {
  // Names are sorted by mksquashfs; one that clashes would be renamed silently.
  const names = await readdir(request.source);
  const listed = (await runTool('unsquashfs', ['-l', '-d', '', '-max-depth', '1', request.output], { signal })).stdout;
  const clash = names.find((name) => listed.toString().split('\n').includes(`/${name}`));
  if (clash) throw new NodeosError('INTERNAL', `${clash} is in the squashfs that it should be appended to`);
  const args = [request.source, request.output, ...COMMON_OPTIONS, '-no-recovery'];
  await runTool('mksquashfs', args, { signal, env: { SOURCE_DATE_EPOCH: String(request.modified) } });
}

function compressionArguments(compression: SquashfsCompression): string[] {
  const common = ['-comp', compression.algorithm, '-b', String(compression.blockBytes)];
  if (compression.algorithm === 'zstd') return [...common, '-Xcompression-level', String(compression.level)];
  return compression.filter ? [...common, '-Xbcj', compression.filter] : common;
}
