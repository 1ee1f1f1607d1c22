import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import { z } from 'zod';
import { cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { runTool } from '../run-tool.ts';
import { readLock } from './lock.ts';

export type NodeArchitecture = 'x64' | 'arm64';

/** The official Node binary in the cache. */
export interface NodeRuntime {
  readonly version: string;
  readonly integrity: string;
  /** Unpacked package: `bin/node`, `include/node`, `LICENSE`. */
  readonly dir: string;
  readonly binary: string;
  readonly license: string;
  readonly includeDir: string;
}

const packResultSchema = z.union([
  z.array(z.object({ filename: z.string() })),
  z.record(z.string(), z.object({ filename: z.string() })).transform((record) => Object.values(record)),
]);

/**
 * Fetches the Node binary of the lock file through the host's npm configuration.
 * @throws NodeosError NETWORK_UNREACHABLE, SOURCE_MISMATCH when the bytes are not those of the lock file
 */
export async function fetchNodeRuntime(
  context: BuildContext,
  request: { arch: NodeArchitecture },
): Promise<NodeRuntime> {
  const { node } = await readLock();
  const { version } = node;
  const integrity = node.integrity[request.arch];
  const specification = `node-linux-${request.arch}@${version}`;
  const artefact = await cached(context, 'node-runtime', { specification, integrity }, async (dir) => {
    context.progress({ step: 'node-runtime', message: `fetching ${specification} from the npm registry` });
    const archive = join(dir, await pack(context, specification, dir));
    const actual = await integrityOf(archive);
    if (actual !== integrity) {
      throw new NodeosError(
        'SOURCE_MISMATCH',
        `${specification} has integrity ${actual}, but ${integrity} in the lock file`,
      );
    }
    await runTool('tar', ['-xzf', archive, '-C', dir, '--strip-components=1', '--no-same-owner'], {
      signal: context.signal,
    });
    await rm(archive);
    if (!existsSync(join(dir, 'bin/node')))
      throw new NodeosError('SOURCE_MISMATCH', `${specification} holds no bin/node`);
  });
  const { dir } = artefact;
  return {
    version,
    integrity,
    dir,
    binary: join(dir, 'bin/node'),
    license: join(dir, 'LICENSE'),
    includeDir: join(dir, 'include/node'),
  };
}

/** sha512 of a file in the form of npm's lock files. */
async function integrityOf(file: string): Promise<string> {
  return `sha512-${createHash('sha512')
    .update(await readFile(file))
    .digest('base64')}`;
}

async function pack(context: BuildContext, specification: string, dir: string): Promise<string> {
  const args = ['pack', specification, '--json', '--ignore-scripts', '--prefer-offline', '--pack-destination', dir];
  const result = await runNpm(context, args, dir, specification);
  const filename = packResultSchema.parse(JSON.parse(result))[0]?.filename;
  if (!filename) throw new NodeosError('NETWORK_UNREACHABLE', `npm pack gave no file for ${specification}`);
  return filename;
}

/** Runs npm outside of any project; @throws NodeosError NETWORK_UNREACHABLE naming what was wanted */
export async function runNpm(
  context: BuildContext,
  args: readonly string[],
  cwd: string,
  wanted: string,
): Promise<string> {
  try {
    const result = await runTool('npm', args, {
      cwd,
      signal: context.signal,
      env: { npm_config_update_notifier: 'false' },
    });
    return result.stdout.toString();
  } catch (error) {
    if (!isNodeosError(error) || error.code !== 'TOOL_FAILED') throw error;
    throw new NodeosError(
      'NETWORK_UNREACHABLE',
      `${wanted} could not be fetched from the npm registry: ${error.message}`,
      {
        cause: error,
      },
    );
  }
}
