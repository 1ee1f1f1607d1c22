import type { BootChain } from '@nodeos/contracts/boot-chain.ts';
import type { InitWord } from '@nodeos/contracts/boot-facts.ts';
import type { Disk } from '../updater/disk.ts';
import { openGrubPointer } from './grub-pointer.ts';
import { openRaspberryPiPointer } from './raspberrypi-pointer.ts';
import { openUBootPointer } from './u-boot-pointer.ts';

export type SlotName = 'a' | 'b';

/**
 * The records that the boot loader reads: which slot a cold boot takes, the count of boots since the last healthy one,
 * and the slot that the next boot alone takes. Each change is one sector write, which a disk does not tear.
 */
export interface Pointer {
  /** @throws NodeosError INPUT_INVALID, FILE_UNREADABLE where the boot partition is damaged */
  read(): SlotName;
  /** Always 0 where the boot loader does not count. */
  readAttempts(): number;
  /** Boots counted by the boot loader go back to 0; nothing is written where they are 0 already. */
  clearAttempts(): Promise<void>;
  /** Only confirm may call this. @throws NodeosError SLOT_WRITE_FAILED */
  confirm(slot: SlotName): Promise<void>;
  /**
   * The next boot takes this slot, with init's timer; the one after it the pointer's again.
   * @returns what to say to init then
   * @throws NodeosError SLOT_WRITE_FAILED, and INPUT_INVALID where the pointer names this slot
   */
  takeOnce(slot: SlotName): Promise<InitWord>;
  /** The next boot takes the pointer's slot after all; nothing is written where it does so already. */
  forgetOnce(): Promise<void>;
}

/** Where the records lie. */
export interface PointerPlace {
  readonly disk: Disk;
  /** The whole disk. */
  readonly device: string;
  /** Byte offset of the boot partition. */
  readonly start: number;
}

const OPEN: Readonly<Record<BootChain, (place: PointerPlace) => Pointer>> = {
  grub: openGrubPointer,
  raspberrypi: openRaspberryPiPointer,
  'u-boot': openUBootPointer,
};

/** @param chain whose records they are */
export function openPointer(chain: BootChain, place: PointerPlace): Pointer {
  return OPEN[chain](place);
}
