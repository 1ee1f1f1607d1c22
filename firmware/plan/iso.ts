import type { Board } from '@nodeos/contracts/board.ts';
import { ISO_FIRST_SECTOR, ISO_HEAD_SECTORS, ISO_SECTOR_BYTES } from '../formats/iso9660.ts';
import { AREA, areaNamed, type DiskArea, planDisk } from './disk.ts';
import { GRUB_TARGETS, type GrubBoot, grubWords, SERIAL_CONSOLE } from './grub-config.ts';
import { MIB, orderAreas } from './layout.ts';

const KIB = 1024;
/** The volume that UEFI starts from a CD. */
export const EFI_VOLUME_BYTES = 2.75 * MIB;

/** Names of the areas that only a disc has; the others are those of a disk. */
export const ISO_AREA = {
  head: 'ISO 9660 descriptors',
  config: 'GRUB configuration of the disc',
  core: AREA.bootCode,
  discLoader: 'GRUB image for CDs, BIOS',
  efi: 'GRUB image for CDs, UEFI',
  factory: 'data folder of the disc',
} as const;

/** A CD's first partition is read into RAM with all that is free in it: it is as small as FAT16 allows. */
export function isoBoard(board: Board): Board {
  return { ...board, partitions: { ...board.partitions, startMiB: 4, bootMiB: 4 } };
}

/**
 * A disk with the descriptors of a disc in the gaps between its partitions: written to a stick it is a disk as any other,
 * on a CD the same bytes are files.
 * @param board as isoBoard gives it
 * @param factoryBytes what the data folder of a CD holds
 * @throws NodeosError LAYOUT_OVERLAP
 */
export function planIso(board: Board, factoryBytes: number): DiskArea[] {
  const disk = planDisk(board).filter(({ name }) => name !== AREA.bootCode);
  const slot = areaNamed(disk, AREA.slotA);
  const factory = { name: ISO_AREA.factory, offset: slot.offset + slot.bytes, bytes: wholeMiB(factoryBytes) };
  const moved = disk.map((area) =>
    area.offset < factory.offset ? area : { ...area, offset: area.offset + factory.bytes },
  );
  return orderAreas([
    ...moved,
    factory,
    { name: ISO_AREA.head, offset: ISO_FIRST_SECTOR * ISO_SECTOR_BYTES, bytes: ISO_HEAD_SECTORS * ISO_SECTOR_BYTES },
    { name: ISO_AREA.config, offset: 48 * KIB, bytes: 16 * KIB },
    { name: ISO_AREA.core, offset: 64 * KIB, bytes: 448 * KIB },
    { name: ISO_AREA.discLoader, offset: 512 * KIB, bytes: 512 * KIB },
    { name: ISO_AREA.efi, offset: 1.25 * MIB, bytes: EFI_VOLUME_BYTES },
  ]);
}

/** Files of the disc by what they are for; names as ISO 9660 allows them. */
export function isoFiles(diskId: string) {
  return {
    /** Tells this disc from others. */
    mark: `${diskId}.id`,
    config: 'grub.cfg',
    /** The disk up to the end of what slot a holds. */
    disk: 'disk.img',
    slot: 'slot.img',
    factory: 'data.cpi',
  } as const;
}

/** Modules of the GRUB images for discs, beside those of disks. */
export const DISC_MODULES = ['iso9660', 'loopback', 'search', 'search_fs_file'] as const;

/** Run by GRUB before it has read anything: firmware does not always tell which medium it was loaded from. */
export function discStartConfig(diskId: string): string {
  return `search --no-floppy --file --set=root /${isoFiles(diskId).mark}\nset prefix=($root)\n`;
}

/**
 * `grub.cfg` of the disc. UEFI may start the GRUB for CDs from a stick too: a stick is told by its partitions, which GRUB
 * does not find on a CD, where a sector has 2048 bytes.
 * @param commandLine words of the kernel command line without those of the disk and the slot
 */
export function discConfig(diskId: string, commandLine: string, boot: GrubBoot): string {
  const files = isoFiles(diskId);
  const hasSerial = boot.targets.some((target) => GRUB_TARGETS[target].modules.includes('serial'));
  return `# Made by NodeOS.
${hasSerial ? SERIAL_CONSOLE : ''}
if [ -f ($root,msdos1)/grub/grub.cfg ]; then
  set root=$root,msdos1
  set prefix=($root)/grub
  configfile $prefix/grub.cfg
fi
set disc=$root
loopback slot ($disc)/${files.slot}
echo "NodeOS: started from a disc, which takes a moment"
linux (slot)/kernel ${grubWords(commandLine).join(' ')} nodeos.disk=${diskId} nodeos.slot=a nodeos.mode=disc
initrd (slot)/initramfs.img newc:disk.img:($disc)/${files.disk} ($disc)/${files.factory}
boot
echo "NodeOS: this disc cannot be started"
sleep 10
reboot
`;
}

function wholeMiB(bytes: number): number {
  return Math.ceil(bytes / MIB) * MIB;
}
