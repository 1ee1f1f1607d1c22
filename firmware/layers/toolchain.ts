import type { Board } from '@nodeos/contracts/board.ts';
import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import type { BuildContext } from '../context.ts';
import { boardLibraries } from '../plan/root-files.ts';
import { runTool } from '../run-tool.ts';

/** The compiler that makes programs for a board, and the tools that go with it. */
export interface Toolchain {
  readonly cc: string;
  readonly cxx: string;
  readonly strip: string;
  readonly nm: string;
  /** Before the name of each tool, e.g. `aarch64-linux-gnu-`; empty where the host's own tools fit. */
  readonly crossPrefix: string;
  /** For every compilation: the board's processor, e.g. `-march=armv6k+fp`. */
  readonly flags: readonly string[];
  /** What the compiler says of itself, and the flags; an input of every layer that compiles. */
  readonly id: string;
}

/**
 * Finds the board's compiler and asks it whom it compiles for.
 * @throws NodeosError TOOL_MISSING with the package to install; HOST_UNSUPPORTED where the compiler makes programs for
 *   another processor
 */
export async function boardToolchain(
  context: BuildContext,
  board: Pick<Board, 'name' | 'architecture'>,
): Promise<Toolchain> {
  const { crossPrefix, compilerFlags } = board.architecture;
  const cc = `${crossPrefix}gcc`;
  const ask = async (option: string): Promise<string> => {
    const { stdout } = await runTool(cc, [option], { signal: context.signal }).catch((error: unknown) => {
      throw withCrossPackage(error, board);
    });
    return stdout.toString().split('\n')[0]?.trim() ?? '';
  };
  const [target, version] = await Promise.all([ask('-dumpmachine'), ask('--version')]);
  const { compiler } = boardLibraries(board);
  if (target !== compiler)
    throw new NodeosError('HOST_UNSUPPORTED', `${cc} compiles for ${target}, but ${board.name} needs ${compiler}`, {
      hint: `Build on a host of that architecture, or set crossPrefix of the board to ${compiler}-.`,
    });
  return {
    cc,
    cxx: `${crossPrefix}g++`,
    strip: `${crossPrefix}strip`,
    nm: `${crossPrefix}nm`,
    crossPrefix,
    flags: compilerFlags,
    id: [target, version, ...compilerFlags].join(' '),
  };
}

/** Debian's packages of a board's compilers, which have the prefix of their tools in their names; none for the host's own. */
export function crossPackages({ crossPrefix }: Board['architecture']): string[] {
  const target = crossPrefix.replace(/-$/, '');
  return target === '' ? [] : [`gcc-${target}`, `g++-${target}`];
}

function withCrossPackage(error: unknown, { name, architecture }: Pick<Board, 'name' | 'architecture'>): unknown {
  const packages = crossPackages(architecture);
  if (!isNodeosError(error) || error.code !== 'TOOL_MISSING' || packages.length === 0) return error;
  return new NodeosError('TOOL_MISSING', `the compiler for ${name}, ${architecture.crossPrefix}gcc, is not installed`, {
    hint: `Install it: apt-get install ${packages.join(' ')}`,
    cause: error,
  });
}
