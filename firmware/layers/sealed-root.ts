import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { sealFileSystem } from '../formats/verity.ts';

export interface SealedRoot {
  /** The board with the word on its command line that makes init check the root. */
  readonly board: Board;
  /** `rootfs.sqfs`. */
  readonly rootfs: Artefact;
}

/** Raise when the bytes below change. */
const RECIPE = 1;
const WORD_FILE = 'command-line';

/**
 * The root with dm-verity's hashes, where the board asks for them: the kernel then refuses each block that is not as it
 * was built. @throws NodeosError TOOL_MISSING, TOOL_FAILED, DISK_FULL
 */
export async function sealRoot(context: BuildContext, board: Board, rootfs: Artefact): Promise<SealedRoot> {
  if (!board.verity) return { board, rootfs };
  const sealed = await cached(context, 'sealed-root', { recipe: RECIPE, rootfs: rootfs.hash }, async (dir) => {
    context.progress({ step: 'sealed-root', message: 'hashing the blocks of the root' });
    const files = { source: join(rootfs.dir, 'rootfs.sqfs'), output: join(dir, 'rootfs.sqfs') };
    // Not random: the same input gives the same bytes.
    await writeFile(join(dir, WORD_FILE), await sealFileSystem({ ...files, salt: rootfs.hash }, context.signal));
  });
  const word = await readFile(join(sealed.dir, WORD_FILE), 'utf8');
  const commandLine = [board.kernel.commandLine, word].filter(Boolean).join(' ');
  return { board: { ...board, kernel: { ...board.kernel, commandLine } }, rootfs: sealed };
}
