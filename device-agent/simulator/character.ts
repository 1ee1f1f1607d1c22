import { createHash } from 'node:crypto';
import type { Profile } from './profile.ts';

/** What one simulated device is like. Follows from the seed and its number: the same again in the next run. */
export interface Character {
  readonly board: string;
  readonly timeZone: string;
  readonly installMs: number;
  readonly bootMs: number;
  /** Everything takes so many times as long. */
  readonly times: number;
  readonly installFails: boolean;
  /** Null where it stays connected. */
  readonly offline: { readonly forMs: number; readonly everyMs: number } | null;
  /** What its processors and its place make of it: a load and a temperature in °C around which it stays. */
  readonly load: number;
  readonly temperature: number;
  /** `system@2.0.0` or `hello@2.0.0` */
  isBad(release: string): boolean;
}

export function characterOf(profile: Profile, seed: string, index: number): Character {
  /** 0 to 1, another for each word. */
  const chance = (word: string): number =>
    createHash('sha256').update(`${seed} ${index} ${word}`).digest().readUInt32LE() / 2 ** 32;
  const within = ([from, to]: readonly [number, number], word: string): number => from + (to - from) * chance(word);
  const { faults } = profile;
  const times = chance('slow') < faults.slow.rate ? faults.slow.times : 1;
  const { offline } = faults;
  return {
    board: chooseBoard(profile.boards, chance('board')),
    timeZone: profile.timeZones[Math.floor(chance('zone') * profile.timeZones.length)] as string,
    installMs: within(profile.installMs, 'install') * times,
    bootMs: within(profile.bootMs, 'boot') * times,
    times,
    installFails: chance('install fails') < faults.install,
    offline:
      chance('offline') < offline.rate
        ? { forMs: within(offline.forMs, 'offline for'), everyMs: within(offline.everyMs, 'offline every') }
        : null,
    load: within([0.05, 1.5], 'load'),
    temperature: within([38, 62], 'temperature'),
    isBad: (release) => faults.bad.some((bad) => bad.release === release && chance(`bad ${release}`) < bad.rate),
  };
}

function chooseBoard(boards: Profile['boards'], chance: number): string {
  const shares = Object.entries(boards);
  let left = chance * shares.reduce((sum, [, share]) => sum + share, 0);
  for (const [board, share] of shares) {
    left -= share;
    if (left < 0) return board;
  }
  return shares.at(-1)?.[0] as string;
}
