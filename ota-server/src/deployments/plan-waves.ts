import { createHash } from 'node:crypto';
import type { RolloutPolicy, Wave } from '@nodeos/contracts/rollout.ts';

/** Waves of a rollout, the last one with all devices counted. */
export function waveCount({ waves }: Pick<RolloutPolicy, 'waves'>): number {
  const last = waves.at(-1);
  return last !== undefined && 'percent' in last && last.percent === 100 ? waves.length : waves.length + 1;
}

/** Devices that have got the release at the end of each wave; never fewer than at the end of the one before. */
export function waveEnds(devices: number, policy: Pick<RolloutPolicy, 'waves'>): number[] {
  const ends: number[] = [];
  for (let index = 0; index < waveCount(policy); index++)
    ends.push(Math.max(ends.at(-1) ?? 0, endOf(policy.waves[index], devices)));
  return ends;
}

function endOf(wave: Wave | undefined, devices: number): number {
  if (wave === undefined) return devices;
  return Math.min(devices, 'percent' in wave ? Math.ceil((devices * wave.percent) / 100) : wave.devices);
}

/**
 * The wave of each device. Devices that are there come first, as a canary that is asleep warns of nothing; among them
 * the order is another for each deployment, so that it is not always the same ones that go first.
 */
export function assignWaves(
  deployment: string,
  devices: readonly { readonly id: string; readonly online: boolean }[],
  policy: Pick<RolloutPolicy, 'waves'>,
): Map<string, number> {
  if (waveCount(policy) === 1) return new Map(devices.map(({ id }) => [id, 0]));
  const ranked = devices
    .map(({ id, online }) => ({ id, rank: `${online ? 0 : 1}${hash(`${deployment} ${id}`)}` }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const ends = waveEnds(devices.length, policy);
  let wave = 0;
  return new Map(
    ranked.map(({ id }, index) => {
      while (index >= (ends[wave] as number)) wave++;
      return [id, wave];
    }),
  );
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
