import type { UpdateStatus } from '@nodeos/contracts/device-api.ts';
import type { Deployment, DeviceSummary } from '@nodeos/contracts/operator-api.ts';

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'narrow' });
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const clock = new Intl.DateTimeFormat('en', { timeStyle: 'medium', hourCycle: 'h23' });

/** `just now`, `12s ago`, `3 min. ago`, `yesterday` */
export function sinceText(at: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  if (seconds < 5) return 'just now';
  for (const [unit, length] of UNITS)
    if (seconds >= length) return relative.format(-Math.floor(seconds / length), unit);
  return `${seconds}s ago`;
}

export const timeText = (at: number): string => absolute.format(at);
/** When something ends; null: never. */
export const endText = (at: number | null): string => (at === null ? 'never' : timeText(at));
/** When something ends that begins now and lasts so many days; none: never. */
export const endAfter = (days: string): number | null => (days === '' ? null : Date.now() + Number(days) * 86_400_000);

/** `2 d 4 h`, `3 h 12 min`, `42 s` */
export function durationText(seconds: number): string {
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(seconds)} s`;
}

/** `14:03:22`, here */
export const clockText = (at: number): string => clock.format(at);

export const mebibytes = (kibibytes: number): string => `${Math.round(kibibytes / 1024)} MiB`;

/** `1 device`, `12 devices` */
export const devicesText = (count: number): string => (count === 1 ? '1 device' : `${count} devices`);

export type Tone = 'good' | 'busy' | 'bad' | 'warn' | 'idle';

const UPDATE_WORDS: Readonly<Record<UpdateStatus['state'], string>> = {
  fetching: 'Fetching',
  verifying: 'Verifying',
  installing: 'Installing',
  trial: 'On trial',
  soaking: 'Soaking',
  downloaded: 'Downloaded',
  confirmed: 'Confirmed',
  failed: 'Failed',
};
export const updateWord = (state: UpdateStatus['state']): string => UPDATE_WORDS[state];
export const updateTone = (state: UpdateStatus['state']): Tone =>
  state === 'confirmed' || state === 'downloaded' ? 'good' : state === 'failed' ? 'bad' : 'busy';
export const underWay = (update: UpdateStatus | null): boolean =>
  update !== null && !['confirmed', 'downloaded', 'failed'].includes(update.state);

/** How far an update is, 0 to 100: fetching is most of it, the rest are steps. */
export function updatePercent(update: Pick<UpdateStatus, 'state' | 'percent'>): number {
  const steps = {
    fetching: 0,
    verifying: 70,
    installing: 78,
    trial: 86,
    soaking: 94,
    downloaded: 100,
    confirmed: 100,
    failed: 100,
  } as const;
  return update.state === 'fetching' ? Math.round((update.percent ?? 0) * 0.7) : steps[update.state];
}

const DEPLOYMENT_STATES: Readonly<Record<Deployment['state'], readonly [string, Tone]>> = {
  'awaiting-approval': ['Waits for approval', 'warn'],
  running: ['Running', 'busy'],
  paused: ['Paused', 'warn'],
  halted: ['Halted', 'bad'],
  'turning-back': ['Turning back', 'bad'],
  'turned-back': ['Turned back', 'bad'],
  done: ['Done', 'good'],
  failed: ['Failed', 'bad'],
  aborted: ['Aborted', 'idle'],
};
export const deploymentWord = (state: Deployment['state']): string => DEPLOYMENT_STATES[state][0];
export const deploymentTone = (state: Deployment['state']): Tone => DEPLOYMENT_STATES[state][1];

export type RowState = Deployment['devices'][number]['state'];
const ROW_STATES: Readonly<Record<RowState, readonly [string, Tone]>> = {
  planned: ['Planned', 'idle'],
  skipped: ['Left out', 'idle'],
  waiting: ['Waiting for the device', 'idle'],
  told: ['Told', 'busy'],
  working: ['Working', 'busy'],
  soaking: ['Soaking', 'busy'],
  confirmed: ['Confirmed', 'good'],
  penalty: ['Tried again later', 'warn'],
  failed: ['Failed', 'bad'],
  returning: ['Going back', 'busy'],
  returned: ['Back', 'good'],
  superseded: ['Superseded', 'idle'],
};
export const rowWord = (state: RowState): string => ROW_STATES[state][0];
export const rowTone = (state: RowState): Tone => ROW_STATES[state][1];

export const appTone = (state: DeviceSummary['apps'][string]['state']): Tone =>
  ({ running: 'good', starting: 'busy', 'backing-off': 'bad', stopped: 'idle' })[state] as Tone;

export function destinationText(to: Deployment['to']): string {
  if ('tag' in to) return `tag ${to.tag}`;
  if ('group' in to) return `group ${to.group}`;
  return 'query' in to ? to.query : `device ${to.device}`;
}

/** `APP_START_FAILED: exit code 1` as its two parts. */
export function splitReason(reason: string): { code: string | null; text: string } {
  const parts = /^([A-Z][A-Z0-9_]+): (.*)$/s.exec(reason);
  return parts === null ? { code: null, text: reason } : { code: parts[1] as string, text: parts[2] as string };
}
