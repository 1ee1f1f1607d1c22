import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { assetPath } from '../assets.ts';
import { type Artefact, cached, hashTree } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { runTool } from '../run-tool.ts';
import type { Toolchain } from './toolchain.ts';

/** Node-API version 8: Node 20 and later. */
const FLAGS = [
  '-std=c11',
  '-D_GNU_SOURCE',
  '-DNAPI_VERSION=8',
  '-Os',
  '-fPIC',
  '-shared',
  '-Wall',
  '-Wextra',
  '-Wl,--build-id=none',
  '-Wl,-z,relro,-z,now',
] as const;

/** The addons in the root, and where their sources stand: the agent's own, and the one that apps use for GPIO. */
export const ADDONS = { nodeos: 'device-agent', gpio: 'gpio' } as const;

/**
 * Compiles a native addon against the stable Node-API headers.
 * @returns a folder with `<name>.node`
 * @throws NodeosError TOOL_MISSING, TOOL_FAILED with the compiler's last lines
 */
export async function buildAddon(
  context: BuildContext,
  toolchain: Pick<Toolchain, 'cc' | 'strip' | 'flags' | 'id'>,
  name: keyof typeof ADDONS = 'nodeos',
  sourceFolder = assetPath(ADDONS[name], 'native'),
): Promise<Artefact> {
  const headers = dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json'));
  const isSource = (path: string): boolean => /\.[ch]$/.test(path);
  const inputs = {
    sources: await hashTree(sourceFolder, isSource),
    headers: await hashTree(join(headers, 'include')),
    toolchain: toolchain.id,
    flags: FLAGS,
    name,
  };
  return cached(context, 'addon', inputs, async (dir) => {
    context.progress({ step: 'addon', message: `compiling ${name}.node` });
    const sources = (await readdir(sourceFolder)).filter((name) => name.endsWith('.c')).sort();
    const output = join(dir, `${name}.node`);
    // Relative names: the compiler writes the source's name as it was given into the file.
    const places = [`-I${join(headers, 'include')}`, `-ffile-prefix-map=${sourceFolder}=.`, '-o', output];
    const args = [...FLAGS, `-DNODE_GYP_MODULE_NAME=${name}`, ...toolchain.flags, ...places];
    await runTool(toolchain.cc, [...args, ...sources], { cwd: sourceFolder, signal: context.signal });
    await runTool(toolchain.strip, ['--strip-unneeded', '--remove-section=.comment', output], {
      signal: context.signal,
    });
  });
}
