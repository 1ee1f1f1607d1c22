import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { z } from 'zod';
import type { PinnedPackage } from './lock.ts';

/** Answer of the machine interface of an archive of old versions (`/mr/binary/<name>/<version>/binfiles`). */
const binaryFilesSchema = z.object({
  result: z.array(z.object({ architecture: z.string(), hash: z.string().regex(/^[0-9a-f]{40}$/) })),
});

/**
 * Fetches a version that the mirrors have dropped from an archive with Debian's snapshot interface, and checks its
 * sha256 against the lock file, so the archive itself need not be trusted.
 * @param base address of the archive, from `NODEOS_DEBIAN_ARCHIVE`
 * @returns false when the archive does not have it or cannot be reached
 * @throws NodeosError SOURCE_MISMATCH when its bytes are not those of the lock
 */
export async function fetchFromArchive(
  base: string,
  name: string,
  pin: PinnedPackage,
  architecture: string,
  target: string,
  signal: AbortSignal,
): Promise<boolean> {
  const root = base.replace(/\/+$/, '');
  const temporary = `${target}.${process.pid}.part`;
  try {
    const listing = `${root}/mr/binary/${encodeURIComponent(name)}/${encodeURIComponent(pin.version)}/binfiles`;
    const answer = await fetch(listing, { signal });
    if (!answer.ok) return false;
    const files = binaryFilesSchema.parse(await answer.json()).result;
    const file = files.find((item) => item.architecture === architecture || item.architecture === 'all');
    if (!file) return false;
    const download = await fetch(`${root}/file/${file.hash}`, { signal });
    if (!download.ok || !download.body) return false;
    const hash = createHash('sha256');
    const source = Readable.fromWeb(download.body).on('data', (chunk: Uint8Array) => hash.update(chunk));
    await pipeline(source, createWriteStream(temporary), { signal });
    const sha256 = hash.digest('hex');
    if (sha256 !== pin.sha256) {
      throw new NodeosError(
        'SOURCE_MISMATCH',
        `${name} ${pin.version} from the archive has sha256 ${sha256}, but ${pin.sha256} in the lock file`,
      );
    }
    await rename(temporary, target);
    return true;
  } catch (error) {
    if (error instanceof NodeosError || signal.aborted || (error as NodeJS.ErrnoException).code === 'ENOSPC')
      throw error;
    return false;
  } finally {
    await rm(temporary, { force: true });
  }
}
