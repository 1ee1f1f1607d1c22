import type { DeviceIssue, FleetOverview } from '@nodeos/contracts/device-list.ts';
import type { DeviceSearch } from './use-device-pages.ts';

export const ISSUE_WORDS: Readonly<Record<DeviceIssue, string>> = {
  'update-failed': 'Failed',
  'app-failing': 'App fails',
  'data-in-memory': 'Data in RAM',
  'low-storage': 'Little storage',
  'low-memory': 'Little memory',
  hot: 'Hot',
};

/** What the list can be narrowed down to, with how many there are. */
export interface DeviceFilterChip {
  readonly name: string;
  readonly count: number;
  readonly search: Pick<DeviceSearch, 'state' | 'status'>;
}

export function chipsOf({ devices, health, updating, issues }: FleetOverview): DeviceFilterChip[] {
  return [
    { name: 'All', count: devices.total, search: {} },
    { name: 'Online', count: devices.active - health.offline, search: { status: 'online' } },
    { name: 'Offline', count: health.offline, search: { status: 'offline' } },
    { name: 'Healthy', count: health.healthy, search: { status: 'healthy' } },
    { name: 'Need a look', count: health.ailing, search: { status: 'ailing' } },
    { name: 'Updating', count: updating, search: { status: 'updating' } },
    ...issues.map(({ issue, devices: count }) => ({
      ...{ name: ISSUE_WORDS[issue], count, search: { status: issue } },
    })),
    { name: 'To approve', count: devices.pending, search: { state: 'pending' } },
  ];
}

/** A query has comparisons, `tag:`, `app:` or parentheses; everything else are words to look for. */
const QUERY = /[=<>~()"]|^(?:not\s|(?:tag|app):)|\s(?:and|or)\s/i;

export function readSearch(text: string): Pick<DeviceSearch, 'query' | 'search'> {
  const trimmed = text.trim();
  if (trimmed === '') return {};
  return QUERY.test(trimmed) ? { query: trimmed } : { search: trimmed };
}
