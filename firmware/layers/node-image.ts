import { chmod, copyFile, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { clearIcuItems } from '../formats/icu-data.ts';
import { makeSquashfs, type SquashfsCompression } from '../formats/squashfs.ts';
import { ICU_CHECK_SCRIPT, isUnusedIcuItem } from '../plan/icu-items.ts';
import { NODE_FOLDER } from '../plan/root-files.ts';
import { runTool } from '../run-tool.ts';
import { fetchNodeRuntime } from '../sources/node-runtime.ts';
import type { Toolchain } from './toolchain.ts';

export interface NodeImage {
  /** `node` (stripped, without the ICU data that nothing reaches) and `base.sqfs` (a squashfs that holds nothing else). */
  readonly artefact: Artefact;
  readonly version: string;
  readonly integrity: string;
}

/** Raise when the steps below or the items of icu-items.ts change. */
const RECIPE = 2;

/**
 * The board's Node.js, stripped and compressed. This is four fifths of the root and the slowest to compress, so it is
 * a step of its own: a changed agent does not compress it again.
 * @param modified seconds since 1970
 * @throws NodeosError of the sources, TOOL_MISSING, TOOL_FAILED
 */
export async function buildNodeImage(
  context: BuildContext,
  request: {
    readonly board: Board;
    readonly toolchain: Toolchain;
    readonly compression: SquashfsCompression;
    readonly modified: number;
  },
): Promise<NodeImage> {
  const { board, toolchain, compression, modified } = request;
  const arch = board.architecture.node;
  if (board.node.source !== 'official' || (arch !== 'x64' && arch !== 'arm64'))
    throw new NodeosError('HOST_UNSUPPORTED', `there is no official Node.js for ${board.name} (${arch})`);
  const runtime = await fetchNodeRuntime(context, { arch });
  const inputs = { recipe: RECIPE, integrity: runtime.integrity, toolchain: toolchain.id, compression, modified };
  const artefact = await cached(context, 'node-image', inputs, async (dir) => {
    context.progress({ step: 'node-image', message: `compressing Node.js ${runtime.version}` });
    const tree = join(dir, 'tree');
    const folder = join(tree, NODE_FOLDER);
    const node = join(folder, 'bin/node');
    await mkdir(join(folder, 'bin'), { recursive: true });
    await runTool(toolchain.strip, ['--strip-all', '-o', node, runtime.binary], { signal: context.signal });
    const program = await readFile(node);
    clearIcuItems(program, isUnusedIcuItem);
    await writeFile(node, program);
    await copyFile(runtime.license, join(folder, 'LICENSE'));
    await chmod(node, 0o755);
    if (process.arch === arch) await assertSameText(context, runtime.binary, node);
    await chmod(join(folder, 'LICENSE'), 0o644);
    await normalise(tree, ['.', 'opt', 'opt/node', 'opt/node/bin'], modified);
    await makeSquashfs({ source: tree, output: join(dir, 'base.sqfs'), modified, compression }, context.signal);
    await copyFile(node, join(dir, 'node'));
    await rm(tree, { recursive: true });
  });
  return { artefact, version: runtime.version, integrity: runtime.integrity };
}

/** Both programs must give the same texts; asked only where the host can run them. */
async function assertSameText(context: BuildContext, original: string, cleared: string): Promise<void> {
  const ask = async (node: string): Promise<string> =>
    (await runTool(node, ['-e', ICU_CHECK_SCRIPT], { signal: context.signal })).stdout.toString();
  if ((await ask(original)) !== (await ask(cleared)))
    throw new NodeosError('SOURCE_MISMATCH', 'this Node.js needs ICU data that firmware/plan/icu-items.ts clears');
}

/** The user's umask and clock must not show. */
async function normalise(tree: string, folders: readonly string[], modified: number): Promise<void> {
  for (const folder of folders) {
    await chmod(join(tree, folder), 0o755);
    await utimes(join(tree, folder), modified, modified);
  }
}
