import { copyFile, stat, truncate } from 'node:fs/promises';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { runTool } from '../run-tool.ts';

/** Of data and of hashes; what init's table says (firmware/init/pid1/verity.c). */
const BLOCK_BYTES = 4096;

export interface SealRequest {
  readonly source: string;
  readonly output: string;
  /** Hex. */
  readonly salt: string;
}

/**
 * Copies a file system, fills its last block with zeros and appends dm-verity's hash tree, without a superblock.
 * @returns the word of the kernel's command line by which init checks it
 * @throws NodeosError TOOL_MISSING, TOOL_FAILED, DISK_FULL
 */
export async function sealFileSystem({ source, output, salt }: SealRequest, signal: AbortSignal): Promise<string> {
  const blocks = Math.ceil((await stat(source)).size / BLOCK_BYTES);
  await copyFile(source, output);
  await truncate(output, blocks * BLOCK_BYTES);
  const sizes = [`--data-block-size=${BLOCK_BYTES}`, `--hash-block-size=${BLOCK_BYTES}`, `--data-blocks=${blocks}`];
  const tree = [`--hash-offset=${blocks * BLOCK_BYTES}`, '--hash=sha256', '--format=1', `--salt=${salt}`];
  const { stdout } = await runTool('veritysetup', ['format', '--no-superblock', ...sizes, ...tree, output, output], {
    signal,
  });
  const root = /^Root hash:\s*([0-9a-f]{64})$/m.exec(stdout.toString())?.[1];
  if (root === undefined) throw new NodeosError('TOOL_FAILED', `veritysetup gave no root hash for ${source}`);
  return `nodeos.verity=${root},${blocks},${salt}`;
}
