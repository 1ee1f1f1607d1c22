import { NodeosError } from '@nodeos/contracts/errors.ts';

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** `90`, `90s`, `10m`, `2h`, `1d` → seconds. @param option names it in the error @throws NodeosError INPUT_INVALID */
export function parseDuration(text: string, option: string): number {
  const match = /^(\d+)([smhd]?)$/.exec(text);
  if (match === null)
    throw new NodeosError('INPUT_INVALID', `${option} ${text} is not a time such as 90s, 10m, 2h or 1d`);
  return Number(match[1]) * SECONDS[(match[2] || 's') as keyof typeof SECONDS];
}

/** 5400 → `90 min` */
export function formatSeconds(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
