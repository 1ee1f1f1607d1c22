import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { ServerClient } from '../client.ts';
import { type ReleaseWords, readArtefact } from './artefact.ts';
import { readReleaseKey, readRoot } from './key-folder.ts';
import { addTarget, moveTarget, type NewTarget, parseTargets } from './metadata.ts';

export interface Published {
  readonly target: NewTarget;
  /** False where exactly these bytes were published before. */
  readonly fresh: boolean;
}

export interface PublishOptions {
  /** Folder with the release key. */
  readonly keys: string;
  readonly about?: Partial<ReleaseWords>;
  readonly onSent?: (sent: number, total: number) => void;
}

/**
 * Signs a release with the offline key and uploads it: the bytes first, then the list that names them.
 * @param onSent called with the bytes sent so far
 * @throws NodeosError RELEASE_EXISTS, SIGNATURE_INVALID, METADATA_STALE, KEY_MISSING and the client's errors
 */
export async function publishRelease(client: ServerClient, file: string, options: PublishOptions): Promise<Published> {
  const [key, root] = [await readReleaseKey(options.keys), await readRoot(options.keys)];
  const target = await readArtefact(file, { notes: '', ...options.about });
  const text = await client.getText('/tuf/targets.json');
  const current = text === null ? null : parseTargets(text, root, 'targets.json of the server');
  const next = addTarget(current, target, root, key, new Date());
  if (next === null) return { target, fresh: false };
  const blob = `/blobs/${target.sha256}`;
  if (!(await client.exists(blob))) await client.upload(blob, file, (sent) => options.onSent?.(sent, target.bytes));
  await client.send('PUT', '/tuf/targets', next.toJSON());
  return { target, fresh: true };
}

/**
 * Signs anew what is published, with a release moved to a channel.
 * @param channel null: for all devices
 * @returns false where it is of this channel already
 * @throws NodeosError RELEASE_UNKNOWN, SIGNATURE_INVALID, METADATA_STALE, KEY_MISSING and the client's errors
 */
export async function moveToChannel(
  client: ServerClient,
  path: string,
  channel: string | null,
  keys: string,
): Promise<boolean> {
  const [key, root] = [await readReleaseKey(keys), await readRoot(keys)];
  const text = await client.getText('/tuf/targets.json');
  if (text === null) throw new NodeosError('RELEASE_UNKNOWN', 'nothing is published yet');
  const next = moveTarget(parseTargets(text, root, 'targets.json of the server'), path, channel, root, key, new Date());
  if (next !== null) await client.send('PUT', '/tuf/targets', next.toJSON());
  return next !== null;
}
