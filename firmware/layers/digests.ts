import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { assetPath } from '../assets.ts';
import { type Artefact, cached, hashTree } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { boardLibraries } from '../plan/root-files.ts';
import { runTool } from '../run-tool.ts';
import type { PackageTree } from './packages.ts';
import type { Toolchain } from './toolchain.ts';

/** The name that dhcpcd is linked with. */
export const DIGESTS_LIBRARY = 'libcrypto.so.3';

const FLAGS = [
  '-std=c11',
  '-D_GNU_SOURCE',
  '-Os',
  '-fPIC',
  '-shared',
  '-fvisibility=hidden',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-Wl,--build-id=none',
  '-Wl,-z,relro,-z,now,-z,defs',
  `-Wl,-soname,${DIGESTS_LIBRARY}`,
] as const;

/**
 * Compiles the hash functions that dhcpcd takes from OpenSSL, over those of libmd.
 * @returns a folder with `libcrypto.so.3`
 * @throws NodeosError TOOL_MISSING, TOOL_FAILED; SOURCE_MISMATCH when dhcpcd has come to need another function
 */
export async function buildDigests(
  context: BuildContext,
  toolchain: Toolchain,
  board: Board,
  packages: PackageTree,
): Promise<Artefact> {
  const folder = assetPath('firmware', 'digests');
  const sources = await hashTree(folder, (path) => /\.(c|map)$/.test(path));
  const inputs = { sources, packages: packages.artefact.hash, toolchain: toolchain.id, flags: FLAGS };
  return cached(context, 'digests', inputs, async (dir) => {
    context.progress({ step: 'digests', message: `compiling ${DIGESTS_LIBRARY}` });
    const output = join(dir, DIGESTS_LIBRARY);
    const libmd = join(packages.root, 'usr/lib', boardLibraries(board).triplet, 'libmd.so.0');
    const link = ['-Wl,--version-script=libcrypto.map', '-o', output, 'libcrypto.c', libmd];
    await runTool(toolchain.cc, [...FLAGS, ...toolchain.flags, ...link], { cwd: folder, signal: context.signal });
    await runTool(toolchain.strip, ['--strip-unneeded', '--remove-section=.comment', output], {
      signal: context.signal,
    });
    await assertComplete(context, toolchain.nm, output, join(packages.root, 'usr/sbin/dhcpcd'));
  });
}

/** A missing function would show only when the device looks for its network. */
async function assertComplete(context: BuildContext, nm: string, library: string, program: string): Promise<void> {
  const symbols = async (option: string, file: string): Promise<string[]> => {
    const { stdout } = await runTool(nm, ['-D', option, file], { signal: context.signal });
    return (
      stdout
        .toString()
        .match(/\w+@+OPENSSL_[\w.]+/g)
        ?.map((name) => name.replace('@@', '@')) ?? []
    );
  };
  const defined = await symbols('--defined-only', library);
  const missing = (await symbols('--undefined-only', program)).filter((name) => !defined.includes(name));
  if (missing.length > 0)
    throw new NodeosError('SOURCE_MISMATCH', `dhcpcd needs ${missing.join(', ')}, which firmware/digests has not`, {
      hint: 'Add the function to firmware/digests/libcrypto.c, or pin the earlier version of dhcpcd-base.',
    });
}
