import { rm } from 'node:fs/promises';
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

/**
 * Makes a squashfs that depends on names, modes and bytes below `source` only: everything belongs to root, no extended
 * attributes, no date after `modified`.
 * @throws NodeosError TOOL_MISSING, TOOL_FAILED, DISK_FULL
 */
export async function makeSquashfs(request: SquashfsRequest, signal: AbortSignal): Promise<void> {
  await rm(request.output, { force: true });
  const options = ['-noappend', '-all-root', '-no-xattrs', '-reproducible', '-no-progress', '-quiet'];
  const args = [request.source, request.output, ...options, ...compressionArguments(request.compression)];
  // mksquashfs takes the date from its environment or its arguments, never both.
  await runTool('mksquashfs', args, { signal, env: { SOURCE_DATE_EPOCH: String(request.modified) } });
}

function compressionArguments(compression: SquashfsCompression): string[] {
  const common = ['-comp', compression.algorithm, '-b', String(compression.blockBytes)];
  if (compression.algorithm === 'zstd') return [...common, '-Xcompression-level', String(compression.level)];
  return compression.filter ? [...common, '-Xbcj', compression.filter] : common;
}
