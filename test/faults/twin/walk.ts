import type { Losses } from '@nodeos/device-agent/src/updater/fault-disk.test-support.ts';
import { seededRandom } from './random.ts';

/** One power cut to be tried. */
export interface Cut {
  /** Number of the disk operation that it falls on, from 1. */
  readonly at: number;
  readonly losses: Losses;
  readonly seed: number;
  /** Operations after which the power goes once more, null for one cut only. */
  readonly again: number | null;
}

/** A stretch of a device's life in which the power may go at any operation. */
export interface Stretch {
  readonly name: string;
  /** Operations without a cut. */
  count(): Promise<number>;
  /** Lives it with a cut, and on until all is well; false where it had ended before the cut. @throws where it is not */
  live(cut: Cut): Promise<boolean>;
}

export interface Row {
  readonly scenario: string;
  readonly operations: number;
  readonly tried: number;
  readonly survived: number;
  readonly faults: readonly string[];
}

const SAMPLED: readonly Losses[] = ['some lost', 'torn sector'];
/** Lives at a time: while one waits for its disk, another goes on. */
const CONCURRENT = 6;
const FAULTS_SHOWN = 5;

/** Every operation with all and with nothing lost, and so many sampled losses; every fourth sample has a second cut. */
export function* cutsOf(operations: number, samples: number, seed: number): Generator<Cut> {
  for (let at = 1; at <= operations; at++) {
    yield { at, losses: 'nothing lost', seed, again: null };
    yield { at, losses: 'unsynced lost', seed, again: null };
    for (let sample = 0; sample < samples; sample++) {
      const own = seed + at * 1_000 + sample;
      const again = sample % 4 === 3 ? 1 + Math.floor(seededRandom(own)() * 40) : null;
      yield { at, losses: SAMPLED[sample % 2] as Losses, seed: own, again };
    }
  }
}

/** Tries the cuts that fall to this share, e.g. the second of three: `{index: 1, of: 3}`. */
export async function walk(
  stretch: Stretch,
  {
    samples,
    seed,
    share = { index: 0, of: 1 },
  }: { samples: number; seed: number; share?: { index: number; of: number } },
): Promise<Row> {
  const operations = await stretch.count();
  const cuts = [...cutsOf(operations, samples, seed)].filter((_, index) => index % share.of === share.index);
  const faults: string[] = [];
  let tried = 0;
  let survived = 0;
  let next = 0;
  const liveOn = async () => {
    for (let cut = cuts[next++]; cut; cut = cuts[next++]) {
      try {
        if (!(await stretch.live(cut))) continue;
        tried++;
        survived++;
      } catch (error) {
        tried++;
        faults.push(`${describeCut(cut)}: ${(error as Error).stack}`);
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, liveOn));
  return { scenario: stretch.name, operations, tried, survived, faults: faults.slice(0, FAULTS_SHOWN) };
}

function describeCut({ at, losses, seed, again }: Cut): string {
  return `cut at operation ${at}, ${losses}, seed ${seed}${again === null ? '' : `, again after ${again}`}`;
}
