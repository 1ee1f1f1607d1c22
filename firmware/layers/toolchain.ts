import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { BuildContext } from '../context.ts';
import { boardLibraries } from '../plan/root-files.ts';
import { runTool } from '../run-tool.ts';

/** The compiler that makes programs for a board. */
export interface Toolchain {
  readonly cc: string;
  readonly strip: string;
  readonly crossPrefix: string;
  /** What the compiler says of itself; an input of every layer that compiles. */
  readonly id: string;
}

/**
 * Finds the board's compiler and asks it whom it compiles for.
 * @throws NodeosError TOOL_MISSING; HOST_UNSUPPORTED where the host's own compiler makes programs for another processor
 */
export async function boardToolchain(context: BuildContext, board: Board): Promise<Toolchain> {
  const { crossPrefix } = board.architecture;
  const cc = `${crossPrefix}gcc`;
  const ask = async (option: string): Promise<string> =>
    (await runTool(cc, [option], { signal: context.signal })).stdout.toString().split('\n')[0]?.trim() ?? '';
  const [target, version] = await Promise.all([ask('-dumpmachine'), ask('--version')]);
  const { triplet } = boardLibraries(board);
  if (target !== triplet)
    throw new NodeosError('HOST_UNSUPPORTED', `${cc} compiles for ${target}, but ${board.name} needs ${triplet}`, {
      hint: `Build on a host of that architecture, or set crossPrefix of the board to ${triplet}-.`,
    });
  return { cc, strip: `${crossPrefix}strip`, crossPrefix, id: `${target} ${version}` };
}
