import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { diskError, syncFolder } from '../atomic-file.ts';
import { SERVER_LIMITS } from '../limits.ts';
import type { Blobs } from './blobs.ts';

/**
 * Blobs as files `<folder>/<first 2 hex digits>/<sha256>`. Unfinished uploads stand in `<folder>/incoming` and are removed here.
 * @param maxBytes longest blob that is taken
 * @param shared other servers may be receiving blobs in this folder
 */
export async function openFileBlobs(folder: string, maxBytes: number, shared = false): Promise<Blobs> {
  const incoming = join(folder, 'incoming');
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  for (const name of await readdir(incoming)) {
    const path = join(incoming, name);
    if (!shared || (await isLeftBehind(path))) await rm(path, { force: true });
  }
  const pathOf = (sha256: string): string => join(folder, sha256.slice(0, 2), sha256);

  const blobs: Blobs = {
    async size(sha256) {
      try {
        return (await stat(pathOf(sha256))).size;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      }
    },

    async put(sha256, octets) {
      const known = await blobs.verify(sha256);
      const temporary = join(incoming, randomBytes(12).toString('hex'));
      try {
        const received = await receive(octets, temporary, maxBytes);
        if (received !== sha256)
          throw new NodeosError('HASH_MISMATCH', `the uploaded octets hash to ${received}, not to ${sha256}`);
        if (known) return false;
        const path = pathOf(sha256);
        await mkdir(dirname(path), { recursive: true });
        await rename(temporary, path);
        await syncFolder(dirname(path));
        return true;
      } catch (error) {
        throw diskError(error, temporary);
      } finally {
        await rm(temporary, { force: true });
      }
    },

    async read(sha256, range) {
      const path = pathOf(sha256);
      try {
        const file = await open(path, 'r');
        return file.createReadStream(range ?? {});
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT')
          throw new NodeosError('NOT_FOUND', `there is no blob ${sha256}`, { cause: error });
        throw error;
      }
    },

    async verify(sha256) {
      if ((await blobs.size(sha256)) === null) return false;
      const hash = createHash('sha256');
      await pipeline(createReadStream(pathOf(sha256)), hash);
      return hash.digest('hex') === sha256;
    },
  };
  return blobs;
}

/** Nobody has written to it for so long that nobody will. */
async function isLeftBehind(path: string): Promise<boolean> {
  const written = await stat(path).catch(() => null);
  return written !== null && Date.now() - written.mtimeMs > SERVER_LIMITS.uploadLeftBehindMs;
}

/** Number of unfinished uploads, for tests and metrics. */
export async function incomingCount(folder: string): Promise<number> {
  return (await readdir(join(folder, 'incoming'))).length;
}

/** Writes the stream to a new file, synced; gives the SHA-256 of what was written. */
async function receive(octets: Readable, path: string, maxBytes: number): Promise<string> {
  const hash = createHash('sha256');
  let length = 0;
  await pipeline(
    octets,
    async function* count(source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        length += chunk.length;
        if (length > maxBytes) throw new NodeosError('PAYLOAD_TOO_LARGE', `the blob is larger than ${maxBytes} octets`);
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(path, { flags: 'wx', flush: true }),
  );
  return hash.digest('hex');
}
