import type { Losses } from '@nodeos/device-agent/src/updater/fault-disk.test-support.ts';
import { seededRandom } from '../twin/random.ts';
import { planCut, type WriteLog } from './write-log.ts';

/** One power cut of a recorded stretch. */
export interface DiskCut {
  /** Number of the write that was under way, from 1. */
  readonly at: number;
  readonly losses: Losses;
  readonly seed: number;
}

const MODES: readonly Losses[] = ['nothing lost', 'unsynced lost', 'some lost', 'torn sector'];
const PASSES = 12;

/**
 * Cuts of a range of writes, no two of which leave the same disk: each write before and after a flush first, the others
 * evenly between them, then the same places with other losses.
 * @param from first write, counted from 1
 */
export function chooseCuts(log: WriteLog, from: number, to: number, wanted: number, seed: number): DiskCut[] {
  const places = choosePlaces(log, from, to, wanted);
  const seen = new Set<string>();
  const cuts: DiskCut[] = [];
  for (let pass = 0; pass < PASSES; pass++) {
    for (const [index, at] of places.entries()) {
      if (cuts.length === wanted) return cuts;
      const losses = MODES[(index + at + pass) % MODES.length] as Losses;
      const cut = { at, losses, seed: seed + at + pass * 100_003 };
      const left = JSON.stringify(planCut(log, at, losses, seededRandom(cut.seed)));
      if (seen.has(left)) continue;
      seen.add(left);
      cuts.push(cut);
    }
  }
  return cuts;
}

function choosePlaces(log: WriteLog, from: number, to: number, wanted: number): number[] {
  const boundaries = log.flushes.flatMap((flush) => [flush, flush + 1]).filter((count) => count >= from && count <= to);
  const unique = [...new Set(boundaries)].sort((one, other) => one - other);
  if (unique.length >= wanted) return everyNth(unique, wanted);
  const others = Array.from({ length: to - from + 1 }, (_, index) => from + index).filter(
    (count) => !unique.includes(count),
  );
  return [...unique, ...everyNth(others, wanted - unique.length)].sort((one, other) => one - other);
}

function everyNth(values: readonly number[], wanted: number): number[] {
  if (values.length <= wanted) return [...values];
  return Array.from(
    { length: wanted },
    (_, index) => values[Math.floor(((index + 0.5) * values.length) / wanted)] as number,
  );
}
