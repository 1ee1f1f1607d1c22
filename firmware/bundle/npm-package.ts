import { existsSync } from 'node:fs';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import { z } from 'zod';
import type { BuildContext } from '../context.ts';
import { runTool } from '../run-tool.ts';
import { checkLockFile, lockFileIn } from './lock-file.ts';
import { boardPlatform, refuseWithoutMachineCode } from './platform-packages.ts';

/** `npm pack --json`: a list up to npm 11, an object by package name from npm 12 on. */
const packedSchema = z.object({ files: z.array(z.object({ path: z.string() })) });

/** What npm needs besides the package's own files; none of it stays in the bundle. */
const INSTALL_FILES = ['package-lock.json', 'npm-shrinkwrap.json', '.npmrc'];

/** Files that `npm pack` would take, sorted, relative to the folder. */
export async function listPackageFiles(context: BuildContext, folder: string): Promise<string[]> {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=error'];
  const { stdout } = await runTool('npm', args, { cwd: folder, signal: context.signal });
  const answer: unknown = JSON.parse(stdout.toString());
  const first = Array.isArray(answer) ? answer[0] : Object.values(answer as object)[0];
  return packedSchema
    .parse(first)
    .files.map((file) => file.path)
    .sort();
}

/** Copies the named files into a new folder. */
export async function copyPackageFiles(from: string, files: readonly string[], to: string): Promise<void> {
  for (const file of files) {
    await mkdir(dirname(join(to, file)), { recursive: true });
    await copyFile(join(from, file), join(to, file));
  }
}

/**
 * Installs the production dependencies for the board, without running any of their scripts.
 * @param source the app's own folder, for its lock file and npm settings
 * @param app the scratch folder with the package's files
 * @throws NodeosError NETWORK_UNREACHABLE, TOOL_MISSING, TOOL_FAILED, RELEASE_INCOMPATIBLE
 */
export async function installDependencies(
  context: BuildContext,
  source: string,
  app: string,
  board: Board,
): Promise<void> {
  for (const file of INSTALL_FILES)
    if (existsSync(join(source, file))) await copyFile(join(source, file), join(app, file));
  const lock = lockFileIn(app);
  if (lock !== null) await checkLockFile(app, lock);
  const args = [
    lock !== null ? 'ci' : 'install',
    '--omit=dev',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  const platform = Object.entries(boardPlatform(board)).map(([name, value]) => `--${name}=${value}`);
  try {
    await runNpm([...args, ...platform], 'prefer_offline');
  } catch (error) {
    // What npm kept may be older than the lock file; it then knows no such version.
    if (!isNodeosError(error) || !/\bETARGET\b/.test(error.message)) throw error;
    await runNpm([...args, ...platform], 'prefer_online');
  }
  await refuseWithoutMachineCode(app, board);
  for (const file of INSTALL_FILES) await rm(join(app, file), { force: true });
  await mkdir(join(app, 'node_modules'), { recursive: true });

  async function runNpm(words: readonly string[], preference: 'prefer_offline' | 'prefer_online'): Promise<void> {
    // npm writes its whole manual below them.
    const disagreements: string[] = [];
    try {
      await runTool('npm', words, {
        cwd: app,
        signal: context.signal,
        onLine(line) {
          const text = /\b(?:Missing|Invalid): .+/.exec(line)?.[0];
          if (lock !== null && text) disagreements.push(text);
        },
        // The app is no part of the project around the scratch folder, whatever that is.
        env: { npm_config_workspaces: 'false', [`npm_config_${preference}`]: 'true' },
      });
    } catch (cause) {
      throw isNodeosError(cause) ? explain(cause, lock, disagreements) : cause;
    }
  }
}

/** What npm's failure means to the person whose app it is. */
function explain(cause: NodeosError, lock: string | null, disagreements: readonly string[]): NodeosError {
  if (disagreements.length > 0)
    return new NodeosError('LOCK_MISMATCH', `package.json and ${lock} do not agree: ${disagreements.join('; ')}`, {
      cause,
    });
  if (/\bEINTEGRITY\b/.test(cause.message))
    return new NodeosError('INTEGRITY_MISMATCH', `a package is not the one that was locked:\n${cause.message}`, {
      cause,
    });
  if (/\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH)\b/.test(cause.message))
    return new NodeosError('NETWORK_UNREACHABLE', `the npm registry cannot be reached:\n${cause.message}`, { cause });
  return cause;
}
