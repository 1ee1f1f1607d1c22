import type { Board } from '@nodeos/contracts/board.ts';
import { DEVICE_RECORD_AREA_BYTES, DEVICE_RECORD_OFFSETS } from '@nodeos/contracts/device-record.ts';
import { U_BOOT_RECORD_AREA_BYTES, U_BOOT_RECORD_OFFSETS } from '@nodeos/contracts/u-boot-environment.ts';
import { type Area, MIB, orderAreas } from './layout.ts';

export type FileSystem = 'fat' | 'ext4';

export interface PlannedPartition {
  readonly number: 1 | 2 | 3 | 4;
  readonly fileSystem: FileSystem;
  readonly label: string;
  readonly active: boolean;
}

/** A row of the disk's table; without `partition` it is a reserved raw area. */
export interface DiskArea extends Area {
  readonly partition?: PlannedPartition;
}

/** Names of the areas that layers write to. */
export const AREA = {
  bootSector: 'boot sector',
  bootCode: 'GRUB core image',
  loader: 'boot loader',
  loaderRecord: 'boot loader record 1',
  boot: 'boot',
  slotA: 'slot a',
  slotB: 'slot b',
  data: 'data',
} as const;

const SECTOR_BYTES = 512;
/** What GRUB may use between the boot sector and the device record. */
const BOOT_CODE_END = 1 * MIB;

/**
 * The disk of a board: reserved areas and partitions in one table.
 * @throws NodeosError LAYOUT_OVERLAP
 */
export function planDisk(board: Board): DiskArea[] {
  const { startMiB, bootMiB, slotMiB, dataMiB } = board.partitions;
  const start = startMiB * MIB;
  const slots = start + bootMiB * MIB;
  const areas: DiskArea[] = [
    { name: AREA.bootSector, offset: 0, bytes: SECTOR_BYTES },
    ...loaderAreas(board.boot),
    ...DEVICE_RECORD_OFFSETS.map((offset, index) => ({
      name: `device record ${index + 1}`,
      offset,
      bytes: DEVICE_RECORD_AREA_BYTES,
    })),
    {
      name: AREA.boot,
      offset: start,
      bytes: bootMiB * MIB,
      partition: { number: 1, fileSystem: 'fat', label: 'NODEOS', active: true },
    },
    {
      name: AREA.slotA,
      offset: slots,
      bytes: slotMiB * MIB,
      partition: { number: 2, fileSystem: 'fat', label: 'NODEOS-SLOT', active: false },
    },
    {
      name: AREA.slotB,
      offset: slots + slotMiB * MIB,
      bytes: slotMiB * MIB,
      partition: { number: 3, fileSystem: 'fat', label: 'NODEOS-SLOT', active: false },
    },
    {
      name: AREA.data,
      offset: slots + 2 * slotMiB * MIB,
      bytes: dataMiB * MIB,
      partition: { number: 4, fileSystem: 'ext4', label: 'nodeos-data', active: false },
    },
  ];
  return orderAreas(areas);
}

/** What the boot chain needs outside of partitions. */
function loaderAreas(boot: Board['boot']): DiskArea[] {
  switch (boot.chain) {
    case 'grub': {
      const area = { name: AREA.bootCode, offset: SECTOR_BYTES, bytes: BOOT_CODE_END - SECTOR_BYTES };
      return boot.targets.includes('i386-pc') ? [area] : [];
    }
    case 'raspberrypi':
      return [];
    case 'u-boot':
      return [
        { name: AREA.loader, offset: boot.loader.offset, bytes: boot.loader.bytes },
        ...U_BOOT_RECORD_OFFSETS.map((offset, index) => ({
          name: `boot loader record ${index + 1}`,
          offset,
          bytes: U_BOOT_RECORD_AREA_BYTES,
        })),
      ];
  }
}

/** The area of that name; every plan has the boot sector and the four partitions. */
export function areaNamed<T extends Area>(areas: readonly T[], name: string): T {
  const area = areas.find((each) => each.name === name);
  if (!area) throw new RangeError(`the disk has no area named ${name}`);
  return area;
}
