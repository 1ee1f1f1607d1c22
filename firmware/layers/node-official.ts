import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { major } from 'semver';
import type { BuildContext } from '../context.ts';
import { clearIcuItems } from '../formats/icu-data.ts';
import { isUnusedIcuItem } from '../plan/icu-items.ts';
import { runTool } from '../run-tool.ts';
import { fetchNodeRuntime } from '../sources/node-runtime.ts';
import { assertSameText } from './icu-check.ts';
import type { NodeImageRequest, NodeSource } from './node-image.ts';

/** Raise when the steps below or the items of icu-items.ts change. */
const RECIPE = 2;

/** The official program: Node, OpenSSL and ICU in one file. @throws NodeosError of the sources, HOST_UNSUPPORTED */
export async function officialNode(
  context: BuildContext,
  { board, toolchain, packages }: NodeImageRequest,
): Promise<NodeSource> {
  const arch = board.architecture.node;
  if (arch !== 'x64' && arch !== 'arm64')
    throw new NodeosError('HOST_UNSUPPORTED', `there is no official Node.js for ${board.name} (${arch})`, {
      hint: 'Set node.source of the board to debian.',
    });
  const runtime = await fetchNodeRuntime(context, { arch });
  return {
    version: runtime.version,
    inputs: { recipe: RECIPE, integrity: runtime.integrity, toolchain: toolchain.id },
    async layOut(folder) {
      const node = join(folder, 'bin/node');
      await runTool(toolchain.strip, ['--strip-all', '-o', node, runtime.binary], { signal: context.signal });
      const program = await readFile(node);
      clearIcuItems(program, (name) => isUnusedIcuItem(name, major(runtime.version)));
      await writeFile(node, program, { mode: 0o755 });
      await copyFile(runtime.license, join(folder, 'LICENSE'));
      const root = packages.root;
      await assertSameText(context, board, { root, node: runtime.binary }, { root, node });
    },
  };
}
