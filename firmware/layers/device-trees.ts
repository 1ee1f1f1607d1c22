import { existsSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import { assetPath } from '../assets.ts';
import { type Artefact, cached, hashFile } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { runTool } from '../run-tool.ts';

/** Raise when the bytes below change. */
const RECIPE = 1;

/** Path of an overlay in the slot, as the Raspberry Pi's firmware looks for it. */
export function overlayPath(source: string): string {
  return `overlays/${basename(source, '.dts')}.dtbo`;
}

/**
 * Gathers the device trees that go into a board's slot: those of the kernel's machines that the board names, and its
 * overlays, compiled from kernel-configs/overlays/. Each overlay is applied to each tree, so one that does not fit
 * is found here and not by a boot loader, which would start without it.
 * @param kernel result of buildKernel
 * @returns a folder with `<machine>.dtb` and `overlays/<name>.dtbo`; empty for a board that names none
 * @throws NodeosError INPUT_INVALID naming a device tree that the kernel does not have, a source that does not exist or
 *   an overlay that does not fit; TOOL_MISSING, TOOL_FAILED (dtc)
 */
export async function buildDeviceTrees(
  context: BuildContext,
  board: Pick<Board, 'name' | 'kernel'>,
  kernel: Artefact,
): Promise<Artefact> {
  const { deviceTrees, overlays } = board.kernel;
  const sources = overlays.map((path) => assetPath('kernel-configs', 'overlays', path));
  for (const path of deviceTrees) assertExists(join(kernel.dir, 'dtbs', path), `the kernel has no device tree ${path}`);
  for (const [index, path] of sources.entries())
    assertExists(path, `kernel-configs/overlays/${overlays[index]} does not exist`);
  const inputs = {
    recipe: RECIPE,
    kernel: kernel.hash,
    deviceTrees,
    overlays: await Promise.all(sources.map(async (path) => [basename(path), await hashFile(path)])),
  };
  return cached(context, 'device-trees', inputs, async (dir) => {
    const trees = deviceTrees.map((path) => join(dir, basename(path)));
    for (const path of deviceTrees) await copyFile(join(kernel.dir, 'dtbs', path), join(dir, basename(path)));
    if (sources.length > 0) await mkdir(join(dir, 'overlays'));
    for (const source of sources) {
      const output = join(dir, overlayPath(source));
      await runCompiler(context, 'dtc', ['-@', '-I', 'dts', '-O', 'dtb', '-o', output, source]);
      for (const tree of trees) await assertFits(context, output, tree);
    }
  });
}

function assertExists(path: string, problem: string): void {
  if (existsSync(path)) return;
  throw new NodeosError('INPUT_INVALID', problem, {
    hint: 'Correct deviceTrees or overlays in the board file, or add the platform to its kernel fragments.',
  });
}

async function assertFits(context: BuildContext, overlay: string, tree: string): Promise<void> {
  await runCompiler(context, 'fdtoverlay', ['-i', tree, '-o', '/dev/null', overlay]).catch((cause: unknown) => {
    if (!isNodeosError(cause) || cause.code !== 'TOOL_FAILED') throw cause;
    throw new NodeosError('INPUT_INVALID', `the overlay ${basename(overlay)} does not fit ${basename(tree)}`, {
      hint: `Refer only to labels that the device tree has. ${cause.message}`,
      cause,
    });
  });
}

/** Not among the tools that every build needs: only boards with overlays use it. */
async function runCompiler(context: BuildContext, tool: 'dtc' | 'fdtoverlay', args: readonly string[]): Promise<void> {
  await runTool(tool, args, { signal: context.signal }).catch((cause: unknown) => {
    if (!isNodeosError(cause) || cause.code !== 'TOOL_MISSING') throw cause;
    throw new NodeosError('TOOL_MISSING', cause.message, {
      hint: 'Install it: apt-get install device-tree-compiler',
      cause,
    });
  });
}
