import type { Readable } from 'node:stream';

/** Immutable octets, named by their SHA-256 (lower-case hex). */
export interface Blobs {
  /** Length in octets, null where there is none. */
  size(sha256: string): Promise<number | null>;
  /**
   * Stores what the stream gives. A blob that is there and whole stays; one that was damaged is replaced.
   * @returns true where it was not there before
   * @throws NodeosError HASH_MISMATCH, PAYLOAD_TOO_LARGE, DISK_FULL; nothing is kept then
   */
  put(sha256: string, octets: Readable): Promise<boolean>;
  /** Octets from `start` to `end`, both included. @throws NodeosError NOT_FOUND */
  read(sha256: string, range?: { start: number; end: number }): Promise<Readable>;
  /** True where the stored octets still have the hash that they are named by. */
  verify(sha256: string): Promise<boolean>;
}
