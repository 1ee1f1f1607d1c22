import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import type { BuildContext } from '../context.ts';
import { ICU_CHECK_SCRIPT } from '../plan/icu-items.ts';
import { boardLibraries } from '../plan/root-files.ts';
import { runTool } from '../run-tool.ts';

/** A Node.js for a board, run by the C library of its unpacked packages. */
export interface TargetNode {
  /** Unpacked packages. */
  readonly root: string;
  readonly node: string;
  /** Libraries that go before those of the packages. */
  readonly libraries?: string;
}

/** QEMU's user-mode emulator of each processor, by Node's name for it (Debian: qemu-user-static). */
const EMULATORS = {
  x64: 'qemu-x86_64-static',
  ia32: 'qemu-i386-static',
  arm64: 'qemu-aarch64-static',
  arm: 'qemu-arm-static',
};

/**
 * Two Node.js programs must make the same texts; asked only where the host can run them.
 * @throws NodeosError SOURCE_MISMATCH
 */
export async function assertSameText(
  context: BuildContext,
  board: Pick<Board, 'architecture'>,
  original: TargetNode,
  cleared: TargetNode,
): Promise<void> {
  const texts = await Promise.all([original, cleared].map((node) => runTarget(context, board, node, ICU_CHECK_SCRIPT)));
  if (texts[0] !== texts[1])
    throw new NodeosError('SOURCE_MISMATCH', 'this Node.js needs ICU data that firmware/plan/icu-items.ts clears');
}

/** Runs a script in a board's Node. @returns its output; null where neither the host nor an emulator can run it */
async function runTarget(
  context: BuildContext,
  { architecture }: Pick<Board, 'architecture'>,
  { root, node, libraries }: TargetNode,
  script: string,
): Promise<string | null> {
  const { triplet, loader } = boardLibraries({ architecture });
  const folder = join(root, 'usr/lib', triplet);
  const start = [
    join(folder, loader.split('/').at(-1) ?? ''),
    '--library-path',
    [libraries, folder].filter(Boolean).join(':'),
  ];
  // The emulator looks for absolute paths below the packages first.
  const emulate = process.arch === architecture.node ? [] : [EMULATORS[architecture.node], '-L', root];
  const [command = '', ...args] = [...emulate, ...start, node, '-e', script];
  try {
    return (await runTool(command, args, { signal: context.signal })).stdout.toString();
  } catch (error) {
    if (isNodeosError(error) && error.code === 'TOOL_MISSING') return null;
    throw error;
  }
}
