import type { Group } from '@nodeos/contracts/operator-api.ts';
import { type MaintenanceWindow, WEEKDAYS } from '@nodeos/contracts/rollout.ts';

export const DAY_NAMES: Readonly<Record<(typeof WEEKDAYS)[number], string>> = {
  mon: 'Mon',
  tue: 'Tue',
  wed: 'Wed',
  thu: 'Thu',
  fri: 'Fri',
  sat: 'Sat',
  sun: 'Sun',
};
const list = new Intl.ListFormat('en', { type: 'conjunction' });

/** `every day, 02:00 to 04:00`, `Mon to Fri, 22:00 to 06:00 the next day` */
export const windowText = ({ days, from, to }: MaintenanceWindow): string =>
  `${daysText(days)}, ${from} to ${to}${to <= from ? ' the next day' : ''}`;

function daysText(days: MaintenanceWindow['days']): string {
  if (days.length === 0 || WEEKDAYS.every((day) => days.includes(day))) return 'every day';
  const chosen = WEEKDAYS.filter((day) => days.includes(day));
  const [first, last] = [chosen[0], chosen.at(-1)] as [MaintenanceWindow['days'][number], (typeof chosen)[number]];
  const unbroken = WEEKDAYS.indexOf(last) - WEEKDAYS.indexOf(first) === chosen.length - 1;
  if (unbroken && chosen.length > 2) return `${DAY_NAMES[first]} to ${DAY_NAMES[last]}`;
  return list.format(chosen.map((day) => DAY_NAMES[day]));
}

/** Whom it holds besides those of its query: `2 named devices`; null where nobody is named. */
export const namedText = ({ devices }: Pick<Group, 'devices'>): string | null =>
  devices.length === 0 ? null : `${devices.length} named ${devices.length === 1 ? 'device' : 'devices'}`;
