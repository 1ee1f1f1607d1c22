import type { Release } from '@nodeos/contracts/operator-api.ts';

/** A release and whether the current targets metadata still lists it. */
export type ReleaseRecord = Release & { readonly listed: boolean };

/** What was ever published in one fleet. */
export interface ReleaseStore {
  put(release: ReleaseRecord): Promise<void>;
  get(target: string): Promise<ReleaseRecord | null>;
  /** Newest first. */
  list(): Promise<ReleaseRecord[]>;
}
