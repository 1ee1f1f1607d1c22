import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type MaintenanceWindow, type RolloutPolicy, type Wave, WEEKDAYS } from '@nodeos/contracts/rollout.ts';
import type { Command } from 'commander';
import { parseDuration } from './duration.ts';
import { collect, readChoice, readWhole } from './options.ts';

/** Words of `nodeos deploy` that say how a release goes out. */
export interface RolloutOptions {
  readonly canary?: string;
  readonly wave?: string[];
  readonly failureRate?: string;
  readonly onFailure?: string;
  readonly soak?: string;
  readonly concurrency?: string;
  readonly perMinute?: string;
  readonly retries?: string;
  readonly penalty?: string;
  readonly patience?: string;
  readonly approval?: string;
  readonly window?: string;
  readonly force?: boolean;
  readonly downloadOnly?: boolean;
  readonly allowDowngrade?: boolean;
}

/** What holds where there are waves and the option is not given: waves without a gate would guard nothing. */
const STAGED = { maxFailurePercent: 10, patienceSeconds: 3600 } as const;

export function withRollout(command: Command): Command {
  return command
    .option('--canary <size>', 'first wave: a number of devices, or a share such as 5%')
    .option('--wave <size>', 'a further wave, up to so many devices or such a share; repeatable', collect)
    .option('--failure-rate <percent>', 'more failures than this in a wave stop the rollout (with waves: 10)')
    .option('--on-failure <what>', 'turn-back: devices go back to what they ran; halt: they stay', 'turn-back')
    .option('--soak <time>', 'a device must run the release for so long before it counts as a success')
    .option('--concurrency <n>', 'devices under way at a time')
    .option('--per-minute <n>', 'devices that begin within a minute')
    .option('--retries <n>', 'further attempts for a device that failed')
    .option('--penalty <time>', 'how long such a device is left alone before (10m)')
    .option('--patience <time>', 'a device that was told and says nothing for so long has failed (with waves: 1h)')
    .option('--approval <when>', 'start, or waves: waits for `nodeos deployments approve`')
    .option('--window <window>', 'in the device’s local time: 02:00-04:00, or sat,sun 22:00-06:00')
    .option('--force', 'also outside of maintenance windows, and where apps hold updates back')
    .option('--download-only', 'devices fetch and verify the release and go on with what they run')
    .option('--allow-downgrade', 'devices that run a newer version go back to this one');
}

/** @throws NodeosError INPUT_INVALID */
export function readRollout(options: RolloutOptions): Partial<RolloutPolicy> {
  const rollout: Partial<RolloutPolicy> = {};
  const waves = [...(options.canary === undefined ? [] : [options.canary]), ...(options.wave ?? [])];
  if (waves.length > 0) Object.assign(rollout, STAGED, { waves: waves.map(readWave) });
  if (options.failureRate !== undefined)
    rollout.maxFailurePercent = readNumber(options.failureRate.replace(/\s*%$/, ''), '--failure-rate', 0, 100);
  rollout.onFailure = readChoice(options.onFailure ?? 'turn-back', '--on-failure', ['turn-back', 'halt'] as const);
  if (options.soak !== undefined) rollout.soakSeconds = parseDuration(options.soak, '--soak');
  if (options.concurrency !== undefined) rollout.maxConcurrent = readWhole(options.concurrency, '--concurrency', 1);
  if (options.perMinute !== undefined) rollout.perMinute = readWhole(options.perMinute, '--per-minute', 1);
  if (options.retries !== undefined) rollout.retries = readWhole(options.retries, '--retries', 0, 10);
  if (options.penalty !== undefined) rollout.penaltySeconds = parseDuration(options.penalty, '--penalty');
  if (options.patience !== undefined) rollout.patienceSeconds = parseDuration(options.patience, '--patience');
  if (options.approval !== undefined)
    rollout.approval = readChoice(options.approval, '--approval', ['none', 'start', 'waves'] as const);
  if (options.window !== undefined) rollout.window = readWindow(options.window);
  if (options.force) rollout.forced = true;
  if (options.downloadOnly) rollout.downloadOnly = true;
  if (options.allowDowngrade) rollout.allowDowngrade = true;
  return rollout;
}

/** `02:00-04:00`, `sat,sun 22:00-06:00`. @throws NodeosError INPUT_INVALID */
export function readWindow(text: string): MaintenanceWindow {
  const match = /^(?:([a-z]{3}(?:,[a-z]{3})*) )?((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d)$/.exec(text);
  const days = match?.[1]?.split(',') ?? [];
  const isDay = (day: string): day is (typeof WEEKDAYS)[number] => (WEEKDAYS as readonly string[]).includes(day);
  if (match === null || !days.every(isDay))
    throw new NodeosError(
      'INPUT_INVALID',
      `--window ${text} is not a window such as 02:00-04:00 or sat,sun 22:00-06:00`,
    );
  return { days: days.filter(isDay), from: match[2] as string, to: match[3] as string };
}

export function formatWindow({ days, from, to }: MaintenanceWindow): string {
  return `${days.length > 0 ? `${days.join(',')} ` : ''}${from}-${to}`;
}

function readWave(text: string): Wave {
  const share = /^(\d+(?:\.\d+)?)\s*%$/.exec(text);
  if (share !== null) return { percent: readNumber(share[1] as string, '--wave', Number.MIN_VALUE, 100) };
  return { devices: readWhole(text, '--wave', 1) };
}

function readNumber(text: string, option: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= least && value <= most))
    throw new NodeosError('INPUT_INVALID', `${option} ${text} is not a number${most <= 100 ? ` up to ${most}` : ''}`);
  return value;
}
