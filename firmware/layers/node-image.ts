import { chmod, copyFile, mkdir, readdir, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { makeSquashfs, type SquashfsCompression } from '../formats/squashfs.ts';
import { NODE_FOLDER } from '../plan/root-files.ts';
import { debianNode } from './node-debian.ts';
import { officialNode } from './node-official.ts';
import type { PackageTree } from './packages.ts';
import type { Toolchain } from './toolchain.ts';

export interface NodeImage {
  /**
   * `node` and `lib/` (the program without the ICU data that nothing reaches, and libraries that are its own) and
   * `base.sqfs` (a squashfs that holds nothing else).
   */
  readonly artefact: Artefact;
  readonly version: string;
}

export interface NodeImageRequest {
  readonly board: Board;
  readonly toolchain: Toolchain;
  readonly packages: PackageTree;
  readonly compression: SquashfsCompression;
}

/** One way to get Node.js: what it is made from, and how it is laid out. */
export interface NodeSource {
  readonly version: string;
  /** Everything that decides the bytes below; part of the cache key. */
  readonly inputs: unknown;
  /** Puts `bin/node`, `lib/` and `LICENSE` into a folder. */
  readonly layOut: (folder: string) => Promise<void>;
}

/**
 * The board's Node.js, stripped and compressed. This is four fifths of the root and the slowest to compress, so it is
 * a step of its own: a changed agent does not compress it again.
 * @throws NodeosError of the sources, TOOL_MISSING, TOOL_FAILED
 */
export async function buildNodeImage(context: BuildContext, request: NodeImageRequest): Promise<NodeImage> {
  const { board, compression, packages } = request;
  const modified = packages.newestChange;
  const make = board.node.source === 'official' ? officialNode : debianNode;
  const source = await make(context, request);
  const inputs = { ...(source.inputs as object), compression, modified };
  const artefact = await cached(context, 'node-image', inputs, async (dir) => {
    context.progress({ step: 'node-image', message: `compressing Node.js ${source.version}` });
    const tree = join(dir, 'tree');
    const folder = join(tree, NODE_FOLDER);
    await mkdir(join(folder, 'bin'), { recursive: true });
    await mkdir(join(dir, 'lib'));
    await source.layOut(folder);
    await normalise(tree, modified);
    await makeSquashfs({ source: tree, output: join(dir, 'base.sqfs'), modified, compression }, context.signal);
    await copyFile(join(folder, 'bin/node'), join(dir, 'node'));
    const libraries = await readdir(join(folder, 'lib')).catch(() => []);
    for (const name of libraries) await copyFile(join(folder, 'lib', name), join(dir, 'lib', name));
    await rm(tree, { recursive: true });
  });
  return { artefact, version: source.version };
}

/** The user's umask and clock must not show. */
async function normalise(folder: string, modified: number): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await normalise(path, modified);
    else await chmod(path, entry.name === 'node' ? 0o755 : 0o644);
  }
  await chmod(folder, 0o755);
  await utimes(folder, modified, modified);
}
