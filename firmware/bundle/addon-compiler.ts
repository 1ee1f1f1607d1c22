import type { Board } from '@nodeos/contracts/board.ts';
import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import type { BuildContext } from '../context.ts';
import { runTool } from '../run-tool.ts';
import { crossEnvironment } from './cross-environment.ts';

/**
 * Compiles one dependency's addon for the board with npm's own node-gyp. Its install script is not run: it would ask
 * for this machine's binary, or fetch one from elsewhere.
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
  const environment = await crossEnvironment(context, board);
  // Without a map, the scratch folder's random name would stand in assertion messages and make every build differ.
  const flags = `-ffile-prefix-map=${folder}=/app -g0`;
  const shown = name ?? 'the app';
  const command =
    'node-gyp rebuild --release --directory "$ADDON" --arch "$npm_config_arch" --nodedir "$npm_config_nodedir"';
  await runTool('npm', ['exec', '--offline', '-c', command], {
    cwd: folder,
    signal: context.signal,
    onLine: (line) => {
      if (!line.startsWith('npm warn Unknown')) context.progress({ step: 'bundle', message: `${shown}: ${line}` });
    },
    env: {
      ...environment,
      ADDON: name === null ? '.' : `node_modules/${name}`,
      CFLAGS: `${environment.CFLAGS} ${flags}`.trim(),
      CXXFLAGS: `${environment.CXXFLAGS} ${flags}`.trim(),
    },
  }).catch((error: unknown) => {
    throw namingTool(error, shown, environment) ?? namingPackage(error, shown);
  });
}

const TOOL = String.raw`((?:[\w-]+-)?(?:make|gcc|g\+\+|cc|c\+\+))`;
const MISSING = [
  new RegExp(`not found: ${TOOL}`),
  new RegExp(`(?:^|[\\s:])${TOOL}: (?:command )?(?:not found|No such file or directory)`, 'm'),
  /Could not find any (Python)/,
];

/** The tool that the words of node-gyp, make or a shell say is not there. */
export function missingTool(text: string): string | null {
  for (const pattern of MISSING) {
    const match = pattern.exec(text);
    if (match?.[1]) return match[1];
  }
  return null;
}

/** A compiler that is missing shows as a failure of npm. */
function namingTool(error: unknown, shown: string, environment: Readonly<Record<string, string>>): NodeosError | null {
  const tool = missingTool(error instanceof Error ? error.message : String(error));
  if (tool === null) return null;
  const prefix = environment.CROSS_COMPILE ?? '';
  const compiler = prefix === '' ? 'g++' : `g++-${prefix.replace(/-$/, '')}`;
  return new NodeosError('TOOL_MISSING', `${shown} must be compiled, and ${tool} is not installed`, {
    hint: `Install it: apt-get install ${compiler} make python3`,
    cause: error,
  });
}

function namingPackage(error: unknown, shown: string): unknown {
  if (!isNodeosError(error) || error.code !== 'TOOL_FAILED') return error;
  return new NodeosError('TOOL_FAILED', `${shown} does not compile: ${error.message}`, {
    hint: 'Read the compiler’s own words above; a library that is missing must be installed for the board’s processor.',
    cause: error,
  });
}
