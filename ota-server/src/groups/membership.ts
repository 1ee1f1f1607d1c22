import type { Destination } from '@nodeos/contracts/operator-api.ts';
import type { MaintenanceWindow } from '@nodeos/contracts/rollout.ts';
import { deviceName } from '../devices/summary.ts';
import type { GroupRecord } from '../store/rollouts.ts';
import type { DeviceRecord } from '../store/store.ts';
import { parseQuery, type Query } from './query.ts';
import { matchesQuery } from './query-match.ts';

type Member = Pick<DeviceRecord, 'id' | 'serial' | 'board' | 'state' | 'tags' | 'systemVersion' | 'report'>;

/** Which devices belong to which destination, as the groups are now. */
export interface Membership {
  belongs(to: Destination, device: Member): boolean;
  inGroup(group: Pick<GroupRecord, 'query' | 'devices'>, device: Member): boolean;
  /** Windows of the groups that the device is in. */
  windowsOf(device: Member): MaintenanceWindow[];
}

export function createMembership(groups: readonly GroupRecord[]): Membership {
  const byName = new Map(groups.map((group) => [group.name, group]));
  const withWindow = groups.filter(({ window }) => window !== null);
  const queries = new Map<string, Query>();
  const members = new Map<readonly string[], ReadonlySet<string>>();

  const matches = (text: string, device: Member): boolean => {
    const query = queries.get(text) ?? parseQuery(text);
    queries.set(text, query);
    return matchesQuery(query, { ...device, name: deviceName(device) });
  };
  const inGroup: Membership['inGroup'] = ({ query, devices }, device) => {
    const named = members.get(devices) ?? new Set(devices);
    members.set(devices, named);
    return named.has(device.id) || (query !== null && matches(query, device));
  };
  return {
    inGroup,
    belongs(to, device) {
      if ('device' in to) return to.device === device.id;
      if ('tag' in to) return device.tags.includes(to.tag);
      if ('query' in to) return matches(to.query, device);
      const group = byName.get(to.group);
      return group !== undefined && inGroup(group, device);
    },
    windowsOf: (device) =>
      withWindow.flatMap((group) => (group.window !== null && inGroup(group, device) ? [group.window] : [])),
  };
}
