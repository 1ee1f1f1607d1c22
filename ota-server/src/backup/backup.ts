import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import * as z from 'zod';
import { syncFolder } from '../atomic-file.ts';
import type { ServerStore } from '../store/store.ts';
import { RESTORED_MARK } from '../tuf/repository.ts';
import { packTar, type TarEntry, unpackTar } from './tar.ts';

const DATABASE = 'server.sqlite';
const MANIFEST = 'backup.json';
const manifestSchema = z.strictObject({
  format: z.literal(1),
  at: z.number().int(),
  version: z.string(),
  /** False: blobs must be copied from elsewhere. */
  blobs: z.boolean(),
  files: z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/)),
});

export interface BackupOptions {
  readonly store: Pick<ServerStore, 'backup'>;
  readonly dataDir: string;
  readonly version: string;
  readonly blobs: boolean;
}

/**
 * Everything that makes a server this server, as a tar stream, while it runs: first the database as of one moment, then
 * keys, token and TUF metadata. The last file names the hash of each other one. It holds private keys.
 */
export function createBackup({ store, dataDir, version, blobs }: BackupOptions): Readable {
  const copy = join(dataDir, `backup-${randomBytes(6).toString('hex')}.sqlite`);
  const files: Record<string, string> = {};
  async function* entries(): AsyncGenerator<TarEntry> {
    try {
      await store.backup(copy);
      yield await fileEntry(copy, DATABASE, files);
      for (const name of await filesToKeep(dataDir, blobs)) yield await fileEntry(join(dataDir, name), name, files);
    } finally {
      await rm(copy, { force: true });
    }
    const manifest = Buffer.from(JSON.stringify({ format: 1, at: Date.now(), version, blobs, files }));
    yield { name: MANIFEST, bytes: manifest.length, mode: 0o600, content: Readable.from([manifest]) };
  }
  return packTar(entries());
}

async function filesToKeep(dataDir: string, blobs: boolean): Promise<string[]> {
  const folders = ['keys', 'tuf', 'fleets', ...(blobs ? ['blobs'] : [])];
  const names = ['operator-token'];
  for (const folder of folders) {
    const found = await readdir(join(dataDir, folder), { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of found)
      if (entry.isFile() && !entry.name.endsWith('.part') && !entry.parentPath.endsWith('incoming'))
        names.push(join(entry.parentPath, entry.name).slice(dataDir.length + 1));
  }
  return names.sort();
}

async function fileEntry(path: string, name: string, hashes: Record<string, string>): Promise<TarEntry> {
  const { size, mode } = await stat(path);
  async function* content(): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path)) {
      hash.update(chunk);
      yield chunk;
    }
    hashes[name] = hash.digest('hex');
  }
  return { name, bytes: size, mode: mode & 0o777, content: content() };
}

export interface Restored {
  /** When the backup was made. */
  readonly at: number;
  readonly files: number;
  readonly blobs: boolean;
}

/**
 * Puts a data folder back from a backup. It is checked beside its place and moved there whole.
 * @throws NodeosError BACKUP_INVALID, CONFLICT where the folder is there already, FILE_UNREADABLE
 */
export async function restoreBackup(file: string, dataDir: string): Promise<Restored> {
  const present = await readdir(dataDir).catch(() => []);
  if (present.length > 0)
    throw new NodeosError('CONFLICT', `${dataDir} is not empty`, {
      hint: 'Move it away, or name another folder with --data.',
    });
  const fresh = `${dataDir}.${randomBytes(6).toString('hex')}.part`;
  await mkdir(fresh, { recursive: true, mode: 0o700 });
  try {
    const source = createReadStream(file).on('error', () => undefined);
    const names = await unpackTar(source, fresh).catch((error) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new NodeosError('FILE_UNREADABLE', `${file}: ${(error as Error).message}`, { cause: error });
    });
    const restored = await check(fresh, names);
    for (const folder of await tufFolders(fresh)) await writeFile(join(folder, RESTORED_MARK), '');
    await rm(join(fresh, MANIFEST));
    await rm(dataDir, { recursive: true, force: true });
    await rename(fresh, dataDir);
    await syncFolder(dirname(dataDir));
    return restored;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function check(folder: string, names: readonly string[]): Promise<Restored> {
  const text = await readFile(join(folder, MANIFEST), 'utf8').catch(() => null);
  if (text === null) throw new NodeosError('BACKUP_INVALID', 'the backup cannot be used: it has no list of its files');
  const { at, blobs, files } = parseJson(manifestSchema, text, MANIFEST);
  const unpacked = names.filter((name) => name !== MANIFEST);
  const missing = Object.keys(files).find((name) => !unpacked.includes(name));
  if (missing !== undefined || unpacked.length !== Object.keys(files).length)
    throw new NodeosError('BACKUP_INVALID', `the backup cannot be used: ${missing ?? 'a file'} is not as listed`);
  for (const [name, sha256] of Object.entries(files)) {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(join(folder, name))) hash.update(chunk);
    if (hash.digest('hex') !== sha256)
      throw new NodeosError('BACKUP_INVALID', `the backup cannot be used: ${name} was changed`);
  }
  const database = new DatabaseSync(join(folder, DATABASE), { readOnly: true });
  try {
    const { integrity_check: verdict } = database.prepare('pragma integrity_check').get() as {
      integrity_check: string;
    };
    if (verdict !== 'ok') throw new NodeosError('BACKUP_INVALID', `the backup cannot be used: ${DATABASE}: ${verdict}`);
  } finally {
    database.close();
  }
  return { at, blobs, files: unpacked.length };
}

async function tufFolders(folder: string): Promise<string[]> {
  const fleets = await readdir(join(folder, 'fleets')).catch(() => []);
  const all = [join(folder, 'tuf'), ...fleets.map((fleet) => join(folder, 'fleets', fleet, 'tuf'))];
  const found = await Promise.all(
    all.map((path) =>
      stat(path).then(
        () => [path],
        () => [],
      ),
    ),
  );
  return found.flat();
}
