import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { satisfies, validRange } from 'semver';
import { z } from 'zod';
import type { BuildContext } from '../context.ts';
import { readLock } from '../sources/lock.ts';

const withEngines = z.object({ engines: z.object({ node: z.string() }).optional().catch(undefined) });
/** What npm writes down of an installation. */
const installedSchema = z.object({ packages: z.record(z.string(), withEngines) });

/** Version of the Node that a board's root holds. @throws NodeosError SOURCE_MISMATCH for a lock file without it */
export async function boardNodeVersion(board: Pick<Board, 'architecture' | 'node'>): Promise<string> {
  const lock = await readLock();
  if (board.node.source === 'official') return lock.node.version;
  const { debian } = board.architecture;
  const version = /^\d+\.\d+\.\d+/.exec(lock.debian[debian]?.nodejs?.version ?? '')?.[0];
  if (!version) throw new NodeosError('SOURCE_MISMATCH', `the lock file does not name nodejs for ${debian}`);
  return version;
}

/** Why a package.json's `engines` leave a version of Node out; null where they do not. */
export function engineMisfit(manifest: unknown, nodeVersion: string): string | null {
  const range = withEngines.safeParse(manifest).data?.engines?.node;
  if (range === undefined || validRange(range) === null || satisfies(nodeVersion, range)) return null;
  return `needs Node ${range}, the board has ${nodeVersion}`;
}

/**
 * Compares what the app and its dependencies ask of Node with what the board has. A dependency without machine code may
 * well run in spite of it, so it is only named; those with machine code are judged with their addons.
 * @throws NodeosError RELEASE_INCOMPATIBLE where the app itself asks for another version
 */
export async function checkEngines(context: BuildContext, app: string, board: Board): Promise<void> {
  const version = await boardNodeVersion(board);
  const own = engineMisfit(JSON.parse(await readFile(join(app, 'package.json'), 'utf8')), version);
  if (own !== null)
    throw new NodeosError('RELEASE_INCOMPATIBLE', `the app does not fit ${board.name}: it ${own}`, {
      hint: 'Try the app with that version of Node and widen `engines` in its package.json, or choose another board.',
    });
  const installed = join(app, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return;
  const { packages } = installedSchema.parse(JSON.parse(await readFile(installed, 'utf8')));
  for (const [path, manifest] of Object.entries(packages)) {
    const misfit = engineMisfit(manifest, version);
    if (misfit !== null)
      context.progress({ step: 'bundle', message: `notice: ${path.slice('node_modules/'.length)} ${misfit}` });
  }
}
