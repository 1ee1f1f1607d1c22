import { NodeosError } from '@nodeos/contracts/errors.ts';

const DAY_MS = 86_400_000;

/** Option of every verb that can answer a program. */
export interface JsonOption {
  readonly json?: boolean;
}

/** Gathers an option that may be given several times. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** @param option names it in the error @throws NodeosError INPUT_INVALID */
export function readWhole(text: string, option: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
  const range = most < Number.MAX_SAFE_INTEGER ? `from ${least} to ${most}` : `above ${least - 1}`;
  throw new NodeosError('INPUT_INVALID', `${option} ${text} is not a whole number ${range}`);
}

/** @param option names it in the error @throws NodeosError INPUT_INVALID */
export function readChoice<T extends string>(text: string, option: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw new NodeosError('INPUT_INVALID', `${option} ${text} is none of ${choices.join(', ')}`);
}

/** When something ends that begins now: `--days`. @returns null where it is not given @throws NodeosError INPUT_INVALID */
export function endAfterDays(days: string | undefined): number | null {
  if (days === undefined) return null;
  const count = Number(days);
  if (count > 0 && count < 1e6) return Math.round(Date.now() + count * DAY_MS);
  throw new NodeosError('INPUT_INVALID', `--days ${days} is not a number above 0`);
}
