import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { BuildContext } from '../context.ts';
import { runTool } from '../run-tool.ts';

const require = createRequire(import.meta.url);

/**
 * Folder with `include/node` of the Node version that the devices run: the npm runtime package carries its headers.
 * @throws NodeosError TOOL_MISSING
 */
export function nodeHeaders(): string {
  const runtime = `node-linux-${process.arch}`;
  const bases = [dirname(require.resolve('node/package.json'))];
  for (const base of bases) {
    for (const folder of [join(base, 'node_modules', runtime), join(dirname(base), runtime)]) {
      if (existsSync(join(folder, 'include/node/node_api.h'))) return folder;
    }
  }
  throw new NodeosError('TOOL_MISSING', `the Node.js headers of the npm package ${runtime} are not installed`, {
    hint: 'Install the npm packages again with their install scripts allowed: npm rebuild node',
  });
}

/** Version and NODE_MODULE_VERSION of the headers, e.g. `{version: '24.21.0', modules: '137'}`. */
export async function headersVersion(headers: string): Promise<{ version: string; modules: string }> {
  const text = await readFile(join(headers, 'include/node/node_version.h'), 'utf8');
  const number = (name: string): string => new RegExp(`#define ${name} (\\d+)`).exec(text)?.[1] ?? '';
  return {
    version: ['NODE_MAJOR_VERSION', 'NODE_MINOR_VERSION', 'NODE_PATCH_VERSION'].map(number).join('.'),
    modules: number('NODE_MODULE_VERSION'),
  };
}

/**
 * Compiles one dependency's addon with npm's own node-gyp for the board.
 * @param folder scratch folder of the app, holding node_modules
 * @param name the dependency's path below node_modules; null for the app itself
 * @throws NodeosError TOOL_MISSING, TOOL_FAILED
 */
export async function compileAddon(
  context: BuildContext,
  folder: string,
  name: string | null,
  board: Board,
): Promise<void> {
  const prefix = board.architecture.crossPrefix;
  // Without a map, the scratch folder's random name would stand in assertion messages and make every build differ.
  const flags = `-ffile-prefix-map=${folder}=/app -g0`;
  const shown = name ?? 'the app';
  // npm rebuilds dependencies only; for the app itself its node-gyp is called as an install script would.
  const command =
    name === null ? ['exec', '--offline', '-c', 'node-gyp rebuild'] : ['rebuild', '--foreground-scripts', name];
  await runTool('npm', [...command, '--ignore-scripts=false'], {
    cwd: folder,
    signal: context.signal,
    onLine: (line) => context.progress({ step: 'bundle', message: `${shown}: ${line}` }),
    env: {
      npm_config_nodedir: nodeHeaders(),
      npm_config_arch: board.architecture.node,
      npm_config_platform: 'linux',
      // Install scripts that would fetch a binary from elsewhere compile instead.
      npm_config_build_from_source: 'true',
      CFLAGS: flags,
      CXXFLAGS: flags,
      ...(prefix && { CC: `${prefix}gcc`, CXX: `${prefix}g++` }),
    },
  }).catch((error: unknown) => {
    const text = error instanceof Error ? error.message : String(error);
    const missing = /not found: (make|gcc|g\+\+|cc|c\+\+)|Could not find any (Python)/i.exec(text);
    if (!missing) throw error;
    throw new NodeosError(
      'TOOL_MISSING',
      `${shown} must be compiled, and ${missing[1] ?? missing[2]} is not installed`,
      {
        hint: 'Install it: apt-get install g++ make python3',
        cause: error,
      },
    );
  });
}
