import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';

export interface Download {
  readonly path: string;
  /** True where the bytes were compared with a hash that was given, or that stands beside the image. */
  readonly checked: boolean;
}

const HASH_FILE_MAX_BYTES = 4096;

/**
 * Fetches an image into a folder, and compares its hash with the given one, else with `<url>.sha256` where there is
 * one: a drive is not touched before the whole image is here and known to be right.
 * @param sha256 of the file behind the address; without it the address must be https
 * @throws NodeosError INPUT_INVALID, NETWORK_UNREACHABLE, HASH_MISMATCH, DISK_FULL
 */
export async function downloadImage(
  url: string,
  sha256: string | null,
  folder: string,
  signal: AbortSignal,
  onProgress: (bytes: number, totalBytes: number | null) => void,
): Promise<Download> {
  if (!url.startsWith('https:') && sha256 === null)
    throw new NodeosError('INPUT_INVALID', `${url} is not https, so anybody on the way may change the image`, {
      hint: 'Use https, or give the hash with --sha256.',
    });
  const expected = sha256 ?? (await fetchHash(`${url}.sha256`, signal));
  const answer = await get(url, signal);
  if (!answer.ok || answer.body === null)
    throw new NodeosError('NETWORK_UNREACHABLE', `${url} answers with status ${answer.status}`, {
      hint: 'Check the address in a browser.',
    });
  const total = Number(answer.headers.get('content-length')) || null;
  const path = join(folder, basename(new URL(url).pathname) || 'image');
  const hash = createHash('sha256');
  const file = await open(path, 'wx', 0o600);
  let bytes = 0;
  try {
    for await (const chunk of answer.body) {
      hash.update(chunk);
      await file.writeFile(chunk);
      bytes += chunk.length;
      onProgress(bytes, total);
    }
  } catch (cause) {
    signal.throwIfAborted();
    if ((cause as NodeJS.ErrnoException).code === 'ENOSPC')
      throw new NodeosError('DISK_FULL', `no space left for the image in ${folder}`, { cause });
    throw new NodeosError('NETWORK_UNREACHABLE', `${url} broke off after ${bytes} bytes`, { cause });
  } finally {
    await file.close();
  }
  const found = hash.digest('hex');
  if (expected !== null && found !== expected)
    throw new NodeosError('HASH_MISMATCH', `${url} has the sha256 ${found}, not ${expected}`, {
      hint: 'Fetch it again; where it stays so, do not use it. The drive was not touched.',
    });
  return { path, checked: expected !== null };
}

/** The first word of a file as sha256sum writes it; null where there is none. */
async function fetchHash(url: string, signal: AbortSignal): Promise<string | null> {
  const answer = await get(url, signal);
  if (!answer.ok) {
    await answer.body?.cancel();
    return null;
  }
  return parseHashFile((await answer.text()).slice(0, HASH_FILE_MAX_BYTES), url);
}

/** @throws NodeosError INPUT_INVALID */
export function parseHashFile(text: string, name: string): string {
  const hash = /^\s*([0-9a-fA-F]{64})(\s|$)/.exec(text)?.[1];
  if (hash !== undefined) return hash.toLowerCase();
  throw new NodeosError('INPUT_INVALID', `${name} does not begin with a sha256`, {
    hint: 'It should be what `sha256sum` prints for the image.',
  });
}

async function get(url: string, signal: AbortSignal): Promise<Response> {
  return fetch(url, { signal }).catch((cause) => {
    signal.throwIfAborted();
    const reason = (cause as Error).cause ?? cause;
    throw new NodeosError('NETWORK_UNREACHABLE', `${url} cannot be fetched: ${(reason as Error).message}`, { cause });
  });
}
