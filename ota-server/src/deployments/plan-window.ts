import { type MaintenanceWindow, WEEKDAYS } from '@nodeos/contracts/rollout.ts';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;
const formats = new Map<string, Intl.DateTimeFormat>();

/**
 * When all of the windows are open at once for a device in this time zone: now, or the next moment worth looking again.
 * Where clocks are set forward or back meanwhile, that moment may be early, never late by more than the change.
 * @param now milliseconds since 1970
 */
export function opensAt(windows: readonly MaintenanceWindow[], timeZone: string, now: number): number {
  let latest = now;
  for (const window of windows)
    latest = Math.max(latest, now + minutesUntil(window, localTime(timeZone, now)) * MINUTE_MS);
  // To the beginning of the minute in which it opens.
  return latest === now ? now : latest - (latest % MINUTE_MS);
}

/** 0 while it is open. */
function minutesUntil(window: MaintenanceWindow, { weekday, minute }: LocalTime): number {
  const from = minutesOf(window.from);
  const length = (minutesOf(window.to) - from + DAY_MINUTES) % DAY_MINUTES || DAY_MINUTES;
  const opensOn = (day: number): boolean =>
    window.days.length === 0 || window.days.includes(WEEKDAYS[((day % 7) + 7) % 7] as (typeof WEEKDAYS)[number]);
  // One that opened yesterday may still be open.
  if (opensOn(weekday - 1) && minute + DAY_MINUTES < from + length) return 0;
  for (let days = 0; days <= 7; days++) {
    const opening = days * DAY_MINUTES + from;
    if (!opensOn(weekday + days) || minute >= opening + length) continue;
    return Math.max(0, opening - minute);
  }
  return DAY_MINUTES;
}

interface LocalTime {
  /** 0 for Monday. */
  readonly weekday: number;
  /** Since midnight. */
  readonly minute: number;
}

/** A zone that nobody knows is taken for UTC. */
export function localTime(timeZone: string, now: number): LocalTime {
  const parts = new Map(
    formatOf(timeZone)
      .formatToParts(now)
      .map(({ type, value }) => [type, value]),
  );
  const weekday = WEEKDAYS.indexOf((parts.get('weekday') ?? '').toLowerCase() as (typeof WEEKDAYS)[number]);
  return { weekday, minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')) };
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const make = (zone: string): Intl.DateTimeFormat =>
    new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
  let made: Intl.DateTimeFormat;
  try {
    made = make(timeZone);
  } catch {
    made = make('UTC');
  }
  // Names come from devices: their number must not grow without end.
  if (formats.size < 1000) formats.set(timeZone, made);
  return made;
}

function minutesOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}
