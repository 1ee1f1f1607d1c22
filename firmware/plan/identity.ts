import { createHash } from 'node:crypto';
import type { Board } from '@nodeos/contracts/board.ts';

/** Numbers that tell one disk from another; from what the image is made of, never from chance or the clock. */
export interface ImageIdentity {
  /** Disk signature in the boot sector: 8 lower-case hex digits, never 00000000. */
  readonly diskId: string;
  readonly bootVolumeId: number;
  readonly slotVolumeId: number;
  readonly dataUuid: string;
}

/**
 * What the disk signature is made from. Boot loaders with a script on the first partition tell the kernel on which disk
 * it is; the Raspberry Pi's firmware has none, so the slot itself must name a disk that it will be written to later.
 * There the signature belongs to the board, not to the release.
 */
export function diskSeed(board: Pick<Board, 'name' | 'boot'>, seed: string): string {
  return board.boot.chain === 'raspberrypi' ? board.name : seed;
}

/**
 * Derives the identity of an image. The fleet file is left out: it is edited after flashing.
 * @param seed any text that names the inputs, e.g. board, version and root of trust
 * @param diskSeed the same for the disk signature alone
 */
export function imageIdentity(seed: string, diskSeed: string = seed): ImageIdentity {
  const hash = (name: string, of = seed): Buffer => createHash('sha256').update(`nodeos ${name}\0${of}`).digest();
  // An all-zero signature counts as none.
  const number = (name: string, of = seed): number => hash(name, of).readUInt32BE(0) || 1;
  const uuid = hash('data').subarray(0, 16);
  // RFC 9562, section 5.8: version 8, of one's own making.
  uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x80;
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80;
  const hex = uuid.toString('hex');
  return {
    diskId: number('disk', diskSeed).toString(16).padStart(8, '0'),
    bootVolumeId: number('boot'),
    slotVolumeId: number('slot'),
    dataUuid: [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-'),
  };
}
