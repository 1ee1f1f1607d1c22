import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { assetPath } from '../assets.ts';
import { type Artefact, cached, hashTree } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { runTool } from '../run-tool.ts';
import type { Toolchain } from './toolchain.ts';

export type InitToolchain = Pick<Toolchain, 'cc' | 'strip' | 'flags' | 'id'>;

/**
 * The programs, the source folders each is compiled from, and how it is linked: init is alone in the initramfs; the launcher
 * has the root's C library, which is there anyway, and is a tenth as large. It is bound before it enters an app's root.
 */
const PROGRAMS = [
  { name: 'init', folders: ['pid1', 'kernel'], linking: ['-static'] },
  { name: 'launcher', folders: ['launcher', 'kernel'], linking: ['-fPIE', '-pie', '-Wl,-z,relro,-z,now'] },
] as const;

/** `-ffile-prefix-map` and no build id: the same bytes wherever the sources lie. */
const FLAGS = [
  '-std=c11',
  '-D_GNU_SOURCE',
  '-Os',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-ffunction-sections',
  '-fdata-sections',
  '-Wl,--gc-sections',
  '-Wl,--build-id=none',
] as const;

async function cFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names
    .filter((name) => name.endsWith('.c'))
    .sort()
    .map((name) => join(folder, name));
}

/**
 * Compiles PID 1 and the app launcher: stripped, the same bytes on every host path.
 * @returns a folder with the programs `init` and `launcher`
 * @throws NodeosError TOOL_MISSING, TOOL_FAILED (with the compiler's last lines)
 */
export async function buildInit(
  context: BuildContext,
  toolchain: InitToolchain,
  sourceFolder = assetPath('firmware', 'init'),
): Promise<Artefact> {
  const folders = ['kernel', 'launcher', 'pid1'];
  const sources = await Promise.all(folders.map((folder) => hashTree(join(sourceFolder, folder))));
  const { stdout } = await runTool(toolchain.cc, ['--version'], { signal: context.signal });
  const inputs = {
    sources,
    compiler: stdout.toString().split('\n')[0],
    toolchain: toolchain.id,
    flags: FLAGS,
    programs: PROGRAMS,
  };
  return cached(context, 'init', inputs, async (dir) => {
    for (const program of PROGRAMS) {
      context.progress({ step: 'init', message: `compiling ${program.name}` });
      const output = join(dir, program.name);
      const files = await Promise.all(program.folders.map((folder) => cFiles(join(sourceFolder, folder))));
      const args = [
        ...FLAGS,
        ...program.linking,
        ...toolchain.flags,
        `-ffile-prefix-map=${sourceFolder}=.`,
        '-o',
        output,
        ...files.flat(),
      ];
      await runTool(toolchain.cc, args, { signal: context.signal });
      await runTool(toolchain.strip, ['--strip-all', '--remove-section=.comment', output], { signal: context.signal });
    }
  });
}
