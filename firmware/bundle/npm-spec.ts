import { existsSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import { z } from 'zod';
import type { BuildContext } from '../context.ts';
import { runTool } from '../run-tool.ts';

/** What `nodeos bundle` can be given. */
export type AppSource =
  | { readonly kind: 'folder'; readonly folder: string }
  /** A package of the registry, or a packed file by its whole path: what `npm pack` takes. */
  | { readonly kind: 'package'; readonly spec: string };

/** `name`, `@scope/name`, with or without `@version`, `@range` or `@tag`. */
const REGISTRY_SPEC = /^(@[a-z0-9~][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*(@[^/\s@]+)?$/i;
const packedSchema = z.object({ filename: z.string() });

/**
 * Tells a folder from a package; a folder that exists goes before a package of the same name.
 * @throws NodeosError APP_SPEC_INVALID
 */
export function parseAppSource(wanted: string, cwd: string): AppSource {
  const path = resolve(cwd, wanted);
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  if (isFolder) return { kind: 'folder', folder: path };
  if (existsSync(path) && /\.(tgz|tar\.gz)$/.test(path)) return { kind: 'package', spec: path };
  const spec = wanted.replace(/^npm:/, '');
  if (REGISTRY_SPEC.test(spec)) return { kind: 'package', spec };
  throw new NodeosError('APP_SPEC_INVALID', `"${wanted}" is neither a folder nor the name of a package`);
}

/**
 * Fetches a package, checks it against the registry's integrity value, and unpacks it.
 * @param into an empty folder
 * @returns the folder of the package's files
 * @throws NodeosError APP_SPEC_INVALID, INTEGRITY_MISMATCH, NETWORK_UNREACHABLE, TOOL_MISSING, TOOL_FAILED
 */
export async function fetchPackage(context: BuildContext, spec: string, into: string): Promise<string> {
  const args = ['pack', spec, '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', into];
  try {
    const { stdout } = await runTool('npm', args, { cwd: into, signal: context.signal });
    const answer: unknown = JSON.parse(stdout.toString());
    const first = Array.isArray(answer) ? answer[0] : Object.values(answer as object)[0];
    const { filename } = packedSchema.parse(first);
    const folder = join(into, 'package');
    await mkdir(folder);
    // The first folder in the archive may have any name.
    const unpack = [
      '-xzf',
      filename,
      '-C',
      'package',
      '--strip-components=1',
      '--no-same-owner',
      '--no-same-permissions',
    ];
    await runTool('tar', unpack, { cwd: into, signal: context.signal });
    return folder;
  } catch (cause) {
    throw translate(cause, spec);
  }
}

function translate(cause: unknown, spec: string): unknown {
  if (!isNodeosError(cause) || cause.code !== 'TOOL_FAILED') return cause;
  if (/\b(E404|ETARGET|EINVALIDTAGNAME|EINVALIDPACKAGENAME)\b/.test(cause.message))
    return new NodeosError('APP_SPEC_INVALID', `the registry has no ${spec}`, { cause });
  if (/\bEINTEGRITY\b/.test(cause.message))
    return new NodeosError('INTEGRITY_MISMATCH', `${spec} is not what the registry says it is`, { cause });
  if (/\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH)\b/.test(cause.message))
    return new NodeosError('NETWORK_UNREACHABLE', `the npm registry cannot be reached:\n${cause.message}`, { cause });
  return cause;
}
