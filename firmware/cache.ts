import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { BuildContext } from './context.ts';

/** A layer's result: a folder in the cache that is complete and never changes. */
export interface Artefact {
  readonly name: string;
  /** Hash of the inputs (sha256, 64 hex digits). */
  readonly hash: string;
  readonly dir: string;
  readonly cached: boolean;
  readonly seconds: number;
}

/** Hash of any JSON value, independent of the order of its keys. */
function hashInputs(inputs: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sortKeys(inputs)))
    .digest('hex');
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sortKeys(item)]));
}

/** sha256 of a file's bytes in hex. */
export async function hashFile(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

/** Hash over the names and bytes of all files below a folder; an input of layers that are made from source folders. */
export async function hashTree(folder: string, accept: (path: string) => boolean = () => true): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter(accept)
    .sort();
  const hash = createHash('sha256');
  for (const path of paths) hash.update(`${path}\0${await hashFile(join(folder, path))}\n`);
  return hash.digest('hex');
}

/**
 * Gives the cached result of a step, or makes it. The result is made under a temporary name and renamed when whole,
 * so an interrupted build leaves nothing that looks finished. Inputs must name everything that can change the bytes.
 */
export async function cached(
  context: BuildContext,
  name: string,
  inputs: unknown,
  make: (dir: string) => Promise<void>,
): Promise<Artefact> {
  const hash = hashInputs({ name, inputs });
  const dir = join(context.cacheRoot, name, hash);
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  if (existsSync(dir)) {
    const now = new Date();
    // What is used stays longest; a cache that another user made is read all the same.
    await utimes(dir, now, now).catch(() => {});
    context.progress({ step: name, message: 'from the cache', percent: 100, cached: true });
    return { name, hash, dir, cached: true, seconds: seconds() };
  }
  context.signal.throwIfAborted();
  const temporary = join(context.cacheRoot, name, `.${hash.slice(0, 16)}.${randomBytes(4).toString('hex')}.tmp`);
  await mkdir(temporary, { recursive: true });
  // A fleet file may be in the bytes: nobody else is to read them.
  await chmod(join(context.cacheRoot, name), 0o700);
  try {
    await make(temporary);
    context.signal.throwIfAborted();
    await rename(temporary, dir).catch((error: NodeJS.ErrnoException) => {
      // Another build finished the same inputs first: its bytes are as good as ours.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') {
      throw new NodeosError('DISK_FULL', `no space left below ${context.cacheRoot} while making ${name}`, {
        cause: error,
      });
    }
    throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return { name, hash, dir, cached: false, seconds: seconds() };
}
