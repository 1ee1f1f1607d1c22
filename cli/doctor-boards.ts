import type { Board } from '@nodeos/contracts/board.ts';
import { emulatorPackages } from '@nodeos/firmware/emulate/programs.ts';
import { crossPackages } from '@nodeos/firmware/layers/toolchain.ts';

/** Package of the compiler of overlays. */
const OVERLAY_COMPILER = 'device-tree-compiler';

/** Debian packages that only some boards need, each with those boards' names. */
export function packagesOfBoards(boards: readonly Board[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const board of boards)
    for (const name of packagesOf(board)) found.set(name, [...(found.get(name) ?? []), board.name]);
  return found;
}

function packagesOf({ architecture, kernel, emulate }: Board): Set<string> {
  return new Set([
    ...crossPackages(architecture),
    ...(kernel.overlays.length > 0 ? [OVERLAY_COMPILER] : []),
    ...(emulate === null ? [] : emulatorPackages(emulate)),
  ]);
}
