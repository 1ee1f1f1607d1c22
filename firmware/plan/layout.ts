import { NodeosError } from '@nodeos/contracts/errors.ts';

/** A row of the disk's table: a partition, or bytes that something else needs. */
export interface Area {
  readonly name: string;
  /** Bytes from the start of the disk. */
  readonly offset: number;
  readonly bytes: number;
}

export const MIB = 1024 * 1024;

/**
 * Checks that no two areas share a byte.
 * @returns the areas in the order they stand on the disk
 * @throws NodeosError LAYOUT_OVERLAP with both names, offsets and sizes
 */
export function orderAreas<T extends Area>(areas: readonly T[]): T[] {
  const sorted = [...areas].sort((a, b) => a.offset - b.offset);
  for (const [index, area] of sorted.entries()) {
    const next = sorted[index + 1];
    if (next && area.offset + area.bytes > next.offset)
      throw new NodeosError('LAYOUT_OVERLAP', `${describe(area)} overlaps ${describe(next)}`);
  }
  return sorted;
}

/** Bytes from the start of the disk to the end of its last area. */
export function diskBytes(areas: readonly Area[]): number {
  return Math.max(...areas.map((area) => area.offset + area.bytes));
}

function describe({ name, offset, bytes }: Area): string {
  return `${name} (offset ${offset}, ${bytes} bytes)`;
}
