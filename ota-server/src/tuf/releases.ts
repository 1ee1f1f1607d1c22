import { isDeepStrictEqual } from 'node:util';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { Blobs } from '../blobs/blobs.ts';
import type { ReleaseRecord } from '../store/releases.ts';
import type { Store } from '../store/store.ts';
import type { SignedTarget } from './checks.ts';

/**
 * Compares signed targets with what was ever published and with the blobs; gives the records to store.
 * @throws NodeosError RELEASE_EXISTS, NOT_FOUND, LENGTH_MISMATCH, HASH_MISMATCH
 */
export async function checkReleases(
  signed: readonly SignedTarget[],
  blobs: Blobs,
  store: Store,
  now: number,
): Promise<ReleaseRecord[]> {
  const records: ReleaseRecord[] = [];
  for (const target of signed) {
    const known = await store.releases.get(target.target);
    if (known !== null) checkUnchanged(known, target);
    await checkBlob(target, blobs, known === null);
    const { custom } = target;
    records.push({
      target: target.target,
      kind: custom.kind,
      name: custom.kind === 'app' ? custom.app.name : custom.system.board,
      version: custom.kind === 'app' ? custom.app.version : custom.system.version,
      bytes: target.bytes,
      sha256: target.sha256,
      publishedAt: known?.publishedAt ?? now,
      custom,
      listed: true,
    });
  }
  return records;
}

/** A version is published once: also one that is no longer listed keeps its bytes and its description, but for the channel. */
function checkUnchanged(known: ReleaseRecord, target: SignedTarget): void {
  const what = `${known.kind} ${known.name} ${known.version} (${known.target})`;
  if (known.sha256 !== target.sha256 || known.bytes !== target.bytes)
    throw new NodeosError('RELEASE_EXISTS', `${what} is already published with other bytes`);
  if (!isDeepStrictEqual({ ...known.custom, channel: null }, { ...target.custom, channel: null }))
    throw new NodeosError('RELEASE_EXISTS', `${what} is already published with another description`);
}

/** The octets of a new release are hashed once more; of the others the length is enough here, devices check the rest. */
async function checkBlob(target: SignedTarget, blobs: Blobs, isNew: boolean): Promise<void> {
  const size = await blobs.size(target.sha256);
  if (size === null)
    throw new NodeosError('NOT_FOUND', `the blob of ${target.target} is not on the server: ${target.sha256}`, {
      hint: 'Upload the artefact before its metadata; `nodeos publish` does both.',
    });
  if (size !== target.bytes)
    throw new NodeosError(
      'LENGTH_MISMATCH',
      `the blob of ${target.target} has ${size} octets, signed are ${target.bytes}`,
    );
  if (isNew && !(await blobs.verify(target.sha256)))
    throw new NodeosError('HASH_MISMATCH', `the blob of ${target.target} was changed on the server: ${target.sha256}`);
}
