import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { BuildContext } from '../context.ts';
import { copySparse } from '../formats/sparse.ts';

export interface OutputFile {
  /** File in the cache. */
  readonly source: string;
  /** Name that the user's copy gets; it may stand in a folder. */
  readonly name: string;
}

/**
 * Copies results to a folder of the user, each under a temporary name first, so that a file of the final name is whole.
 * @param folder made where it is missing; undefined: the files stay in the cache
 * @param secret true: a fleet file is in them, and nobody but the owner may read them
 * @returns absolute paths and sizes in bytes by kind
 * @throws NodeosError DISK_FULL, FILE_UNREADABLE
 */
export async function copyOut(
  context: BuildContext,
  outputs: Readonly<Record<string, OutputFile>>,
  folder: string | undefined,
  secret = false,
): Promise<{ files: Record<string, string>; sizes: Record<string, number> }> {
  const files: Record<string, string> = {};
  const sizes: Record<string, number> = {};
  for (const [kind, { source, name }] of Object.entries(outputs)) {
    const file = folder === undefined ? source : join(resolve(folder), name);
    if (folder !== undefined) await copyWhole(context, source, file, resolve(folder), secret);
    files[kind] = file;
    sizes[kind] = (await stat(file)).size;
  }
  return { files, sizes };
}

async function copyWhole(
  context: BuildContext,
  source: string,
  file: string,
  folder: string,
  secret: boolean,
): Promise<void> {
  const temporary = `${file}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await mkdir(dirname(file), { recursive: true });
    const output = await open(temporary, 'wx', secret ? 0o600 : 0o666);
    try {
      await output.truncate((await stat(source)).size);
      await copySparse(source, output, 0, context.signal);
    } finally {
      await output.close();
    }
    await rename(temporary, file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC')
      throw new NodeosError('DISK_FULL', `no space left in ${folder} for ${file}`, { cause: error });
    if (code === 'EACCES' || code === 'ENOTDIR' || code === 'EROFS' || code === 'EEXIST')
      throw new NodeosError('FILE_UNREADABLE', `${file} cannot be written: ${code}`, { cause: error });
    throw error;
  } finally {
    // Where the folder itself is unusable there is nothing to remove, and the first error says more.
    await rm(temporary, { force: true }).catch(() => {});
  }
}
