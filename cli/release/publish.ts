import type { ServerClient } from '../client.ts';
import { readArtefact } from './artefact.ts';
import { readReleaseKey, readRoot } from './key-folder.ts';
import { addTarget, type NewTarget, parseTargets } from './metadata.ts';

export interface Published {
  readonly target: NewTarget;
  /** False where exactly these bytes were published before. */
  readonly fresh: boolean;
}

/**
 * Signs a release with the offline key and uploads it: the bytes first, then the list that names them.
 * @param onSent called with the bytes sent so far
 * @throws NodeosError RELEASE_EXISTS, SIGNATURE_INVALID, METADATA_STALE, KEY_MISSING and the client's errors
 */
export async function publishRelease(
  client: ServerClient,
  file: string,
  options: { readonly keys: string; readonly notes?: string; readonly onSent?: (sent: number, total: number) => void },
): Promise<Published> {
  const [key, root] = [await readReleaseKey(options.keys), await readRoot(options.keys)];
  const target = await readArtefact(file, options.notes ?? '');
  const text = await client.getText('/tuf/targets.json');
  const current = text === null ? null : parseTargets(text, root, 'targets.json of the server');
  const next = addTarget(current, target, root, key, new Date());
  if (next === null) return { target, fresh: false };
  const blob = `/blobs/${target.sha256}`;
  if (!(await client.exists(blob))) await client.upload(blob, file, (sent) => options.onSent?.(sent, target.bytes));
  await client.send('PUT', '/tuf/targets', next.toJSON());
  return { target, fresh: true };
}
