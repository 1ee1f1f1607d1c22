import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { Store } from '../store/store.ts';
import type { Blobs } from './blobs.ts';

/**
 * The blobs of one fleet. Octets that several fleets have are kept once; a fleet sees only those that it uploaded
 * itself, whole, so nobody learns by a hash what another fleet has.
 */
export function fleetBlobs(shared: Blobs, store: Store): Blobs {
  return {
    size: async (sha256) => ((await store.hasBlob(sha256)) ? shared.size(sha256) : null),
    async put(sha256, octets) {
      const known = await store.hasBlob(sha256);
      const stored = await shared.put(sha256, octets);
      await store.addBlob(sha256);
      return stored || !known;
    },
    async read(sha256, range) {
      if (!(await store.hasBlob(sha256))) throw new NodeosError('NOT_FOUND', `there is no blob ${sha256}`);
      return shared.read(sha256, range);
    },
    verify: async (sha256) => (await store.hasBlob(sha256)) && shared.verify(sha256),
  };
}
