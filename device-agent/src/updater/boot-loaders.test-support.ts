import { readFileSync, writeFileSync } from 'node:fs';
import type { BootChain } from '@nodeos/contracts/boot-chain.ts';
import { parseEnvironmentBlock, renderEnvironmentBlock } from '@nodeos/contracts/grub-environment.ts';
import { AUTOBOOT_FILE, parseAutoboot, renderAutoboot } from '@nodeos/contracts/raspberrypi-autoboot.ts';
import {
  encodeUBootRecord,
  newestUBootRecord,
  U_BOOT_RECORD_BYTES,
  U_BOOT_RECORD_OFFSETS,
} from '@nodeos/contracts/u-boot-environment.ts';
import type { SlotName } from '../slots/pointer.ts';
import { withVolume } from '../slots/volume.ts';

/** What a boot loader decides, as firmware/plan/grub-config.ts and u-boot-script.ts write it. */
export interface BootChoice {
  readonly slot: SlotName;
  /** Taken once, with init's timer. */
  readonly once: boolean;
}

const ATTEMPTS = 3;
const other = (slot: SlotName): SlotName => (slot === 'a' ? 'b' : 'a');

/** Files of a boot partition as it comes from the build. */
export function bootFilesOf(chain: BootChain): Record<string, Buffer> {
  if (chain === 'raspberrypi') return { [AUTOBOOT_FILE.slice(1)]: renderAutoboot('a') };
  if (chain === 'u-boot') return { 'boot.scr': Buffer.from('script') };
  return {
    'grub/grubenv': renderEnvironmentBlock({ nodeos_slot: 'a' }),
    'grub/attempts': renderEnvironmentBlock({ nodeos_attempts: '0' }),
  };
}

/** Records before the boot partition as they come from the build. */
export function writeRecords(chain: BootChain, disk: Buffer): void {
  if (chain !== 'u-boot') return;
  encodeUBootRecord({ sequence: 1, slot: 'a', once: null, attempts: 0 }).copy(disk, U_BOOT_RECORD_OFFSETS[0]);
}

/**
 * Plays the boot loader over a disk in a file.
 * @param start byte offset of the boot partition
 * @param tryboot the firmware was told to try the other slot
 */
export function chooseSlot(chain: BootChain, path: string, start: number, tryboot: boolean): BootChoice {
  if (chain === 'grub') return chooseByGrub(path, start);
  if (chain === 'u-boot') return chooseByUBoot(path);
  const slot = parseAutoboot(withVolume(path, start, (volume) => volume.readFile(AUTOBOOT_FILE, 512)));
  return { slot: tryboot ? other(slot) : slot, once: tryboot };
}

export function writeGrubAttempts(path: string, start: number, values: Record<string, string>): void {
  const { offset } = withVolume(path, start, (volume) => volume.locate('/grub/attempts'));
  const disk = readFileSync(path);
  disk.set(renderEnvironmentBlock(values), start + offset);
  writeFileSync(path, disk);
}

function chooseByGrub(path: string, start: number): BootChoice {
  const values = (name: string) =>
    withVolume(path, start, (volume) => parseEnvironmentBlock(volume.readFile(`/grub/${name}`, 4096)));
  const slot = values('grubenv').nodeos_slot as SlotName;
  const { nodeos_attempts = '0', nodeos_once } = values('attempts');
  const write = (attempts: string | number) =>
    writeGrubAttempts(path, start, { nodeos_attempts: String(attempts), nodeos_once: 'none' });
  if (nodeos_once === 'a' || nodeos_once === 'b') {
    write(nodeos_attempts);
    return { slot: nodeos_once, once: true };
  }
  const over = Number(nodeos_attempts) >= ATTEMPTS;
  write(over ? 0 : Number(nodeos_attempts) + 1);
  return { slot: over ? other(slot) : slot, once: false };
}

function chooseByUBoot(path: string): BootChoice {
  const disk = readFileSync(path);
  const [first, second] = U_BOOT_RECORD_OFFSETS.map((offset) => disk.subarray(offset, offset + U_BOOT_RECORD_BYTES));
  const { record, next } = newestUBootRecord([first as Buffer, second as Buffer]);
  const over = record.once === null && record.attempts >= ATTEMPTS;
  const attempts = over ? 0 : record.attempts + (record.once === null ? 1 : 0);
  const written = encodeUBootRecord({ ...record, sequence: record.sequence + 1, once: null, attempts });
  written.copy(disk, U_BOOT_RECORD_OFFSETS[next]);
  writeFileSync(path, disk);
  if (record.once !== null) return { slot: record.once, once: true };
  return { slot: over ? other(record.slot) : record.slot, once: false };
}
