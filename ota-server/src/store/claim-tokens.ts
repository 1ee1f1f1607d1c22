import type { ClaimToken } from '@nodeos/contracts/operator-api.ts';

/** What devices enrol with in one fleet. */
export interface ClaimTokenStore {
  add(token: ClaimToken): Promise<void>;
  /** Newest first. */
  list(): Promise<ClaimToken[]>;
  remove(token: string): Promise<void>;
  /** Counts one use; null where the token is unknown, used up or expired. */
  take(token: string, now: number): Promise<ClaimToken | null>;
}
