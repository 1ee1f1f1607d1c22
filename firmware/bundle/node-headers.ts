import { existsSync } from 'node:fs';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { boardLibraries } from '../plan/root-files.ts';
import { extractPackage, fetchDebianPackages } from '../sources/debian-packages.ts';
import { readLock } from '../sources/lock.ts';
import { fetchNodeRuntime } from '../sources/node-runtime.ts';

/** Headers of Debian's Node, and of the libraries that they refer to. */
export const HEADER_PACKAGES = ['libnode-dev', 'libssl-dev', 'libuv1-dev'] as const;

/** Headers of the Node that a board runs. */
export interface NodeHeaders {
  /** Holds `include/node`: what node-gyp calls `nodedir`. */
  readonly folder: string;
  /** E.g. `24.21.0`. */
  readonly version: string;
  /** NODE_MODULE_VERSION, e.g. `137`. */
  readonly modules: string;
}

type NodeBoard = Pick<Board, 'architecture' | 'node'>;

/**
 * Gets the headers of a board's Node. Official ones come in the npm package of its binary, Debian's in packages.
 * @throws NodeosError of the sources
 */
export async function nodeHeaders(context: BuildContext, board: NodeBoard): Promise<NodeHeaders> {
  if (board.node.source === 'debian') return describe(await debianHeaders(context, board));
  const { node: arch } = board.architecture;
  const own = await ownHeaders();
  if (own && arch === process.arch) return own;
  if (arch !== 'x64' && arch !== 'arm64')
    throw new NodeosError('HOST_UNSUPPORTED', `there is no official Node.js for ${arch}`, {
      hint: 'Set node.source of the board to debian.',
    });
  return describe((await fetchNodeRuntime(context, { arch })).dir);
}

/** NODE_MODULE_VERSION of a board's Node; it is the same for all processors, so that the host's own headers may tell. */
export async function nodeModulesVersion(context: BuildContext, board: NodeBoard): Promise<string> {
  const own = board.node.source === 'official' ? await ownHeaders() : null;
  return (own ?? (await nodeHeaders(context, board))).modules;
}

/** Those of the Node that runs these tools, if it is the one of the lock file. */
async function ownHeaders(): Promise<NodeHeaders | null> {
  const runtime = `node-linux-${process.arch}`;
  const base = dirname(createRequire(import.meta.url).resolve('node/package.json'));
  for (const folder of [join(base, 'node_modules', runtime), join(dirname(base), runtime)]) {
    if (!existsSync(join(folder, 'include/node/node_api.h'))) continue;
    const own = await describe(folder);
    if (own.version === (await readLock()).node.version) return own;
  }
  return null;
}

async function describe(folder: string): Promise<NodeHeaders> {
  const text = await readFile(join(folder, 'include/node/node_version.h'), 'utf8');
  const number = (name: string): string => new RegExp(`#define ${name} (\\d+)`).exec(text)?.[1] ?? '';
  return {
    folder,
    version: ['NODE_MAJOR_VERSION', 'NODE_MINOR_VERSION', 'NODE_PATCH_VERSION'].map(number).join('.'),
    modules: number('NODE_MODULE_VERSION'),
  };
}

/** Laid out as the official ones are: libuv's and OpenSSL's beside Node's own. */
async function debianHeaders(context: BuildContext, board: NodeBoard): Promise<string> {
  const { debian: architecture } = board.architecture;
  const packages = await fetchDebianPackages(context, { architecture, packages: HEADER_PACKAGES });
  const inputs = { recipe: 1, packages: packages.map(({ name, version, sha256 }) => ({ name, version, sha256 })) };
  const { dir } = await cached(context, 'node-headers', inputs, async (folder) => {
    context.progress({ step: 'node-headers', message: `unpacking Node's headers for ${architecture}` });
    const unpacked = join(folder, 'unpacked');
    for (const item of packages) await extractPackage(item, unpacked, context.signal);
    const include = join(unpacked, 'usr/include');
    const target = join(folder, 'include/node');
    await mkdir(target, { recursive: true });
    await cp(join(include, 'node'), target, { recursive: true });
    for (const name of ['uv.h', 'uv', 'openssl'])
      await cp(join(include, name), join(target, name), { recursive: true });
    // What depends on the processor stands apart.
    const own = join(include, boardLibraries(board).triplet, 'openssl');
    await cp(own, join(target, 'openssl'), { recursive: true });
  });
  return dir;
}
