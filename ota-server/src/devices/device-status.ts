import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import type { DeviceFilter, DeviceIssue, DeviceOrder, DeviceStatus } from '@nodeos/contracts/device-list.ts';
import type { UpdateRecord } from '../store/history.ts';
import type { ListedDevice } from '../store/store.ts';

/** A device with what is not in its row. */
export interface DeviceEntry {
  readonly device: ListedDevice;
  readonly name: string;
  readonly online: boolean;
  readonly update: UpdateRecord | null;
  /** What its report tells is the matter, where that was asked for. */
  readonly reported: readonly DeviceIssue[];
}

/** Below it, memory and storage count as low. */
const LOW_SHARE = 0.1;
/** From here on a Raspberry Pi slows itself down (its documentation, "Frequency management and thermal control"). */
const HOT_CELSIUS = 80;
const UPDATE_ENDS: readonly string[] = ['confirmed', 'downloaded', 'failed'];

export const isUpdating = ({ update }: Pick<DeviceEntry, 'update'>): boolean =>
  update !== null && !UPDATE_ENDS.includes(update.state);

/** What is the matter with an active device, by what it said last. */
export function issuesOf({ device, update, reported }: DeviceEntry): DeviceIssue[] {
  const found: DeviceIssue[] = [];
  if (hasFailedUpdate(update)) found.push('update-failed');
  if (hasFailingApp(device)) found.push('app-failing');
  return [...found, ...reported];
}

const hasFailedUpdate = (update: DeviceEntry['update']): boolean => update?.state === 'failed';
const hasFailingApp = ({ apps }: Pick<ListedDevice, 'apps'>): boolean =>
  Object.values(apps).some(({ state }) => state === 'backing-off');

export function issuesOfReport({ dataStore, inventory, memory, metrics }: DeviceReport): DeviceIssue[] {
  const found: DeviceIssue[] = [];
  if (dataStore === 'ram') found.push('data-in-memory');
  // A data partition that does not mount has no size.
  if (inventory !== undefined && isLow(inventory.storage.freeKiB, inventory.storage.totalKiB))
    found.push('low-storage');
  if (isLow(memory.availableKiB, memory.totalKiB)) found.push('low-memory');
  if ((metrics?.temperature ?? Number.NEGATIVE_INFINITY) >= HOT_CELSIUS) found.push('hot');
  return found;
}

const isLow = (free: number, total: number): boolean => total > 0 && free < total * LOW_SHARE;

/** True for statuses that only reports tell. */
export const asksReports = (status: DeviceStatus | undefined): boolean =>
  status !== undefined && !['online', 'offline', 'updating', 'update-failed', 'app-failing'].includes(status);

export function hasStatus(entry: DeviceEntry, status: DeviceStatus): boolean {
  if (entry.device.state !== 'active') return false;
  switch (status) {
    case 'online':
      return entry.online;
    case 'offline':
      return !entry.online;
    case 'updating':
      return isUpdating(entry);
    case 'update-failed':
      return hasFailedUpdate(entry.update);
    case 'app-failing':
      return hasFailingApp(entry.device);
    case 'healthy':
      return entry.online && issuesOf(entry).length === 0;
    case 'ailing':
      return entry.online && issuesOf(entry).length > 0;
    default:
      return issuesOf(entry).includes(status);
  }
}

/** Whether all words occur, without regard to case. */
export function mentions({ device, name }: DeviceEntry, words: string): boolean {
  const apps = Object.entries(device.apps).map(([app, { version }]) => `${app} ${version}`);
  const text = [name, device.id, device.serial, device.board, device.systemVersion, ...device.tags, ...apps].join(' ');
  const lower = text.toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => lower.includes(word));
}

/** All but the query, which is a matter of groups. */
export function fits(entry: DeviceEntry, { tag, state, status, search }: DeviceFilter): boolean {
  return (
    (tag === undefined || entry.device.tags.includes(tag)) &&
    (state === undefined || entry.device.state === state) &&
    (status === undefined || hasStatus(entry, status)) &&
    (search === undefined || mentions(entry, search))
  );
}

type Compare = (a: DeviceEntry, b: DeviceEntry) => number;
const NAMES = new Intl.Collator('en', { numeric: true });
const RANKS = { pending: 0, active: 1, revoked: 2 } as const;
const byName: Compare = (a, b) => NAMES.compare(a.name, b.name);
/** Numeric: 10.0.0 comes after 9.0.0. */
const bySystem: Compare = (a, b) => NAMES.compare(a.device.systemVersion, b.device.systemVersion) || byName(a, b);
const bySeen: Compare = (a, b) => (a.device.lastSeen ?? 0) - (b.device.lastSeen ?? 0) || byName(a, b);
const ORDERS: Readonly<Record<Exclude<DeviceOrder, 'created'>, Compare>> = {
  attention: (a, b) => RANKS[a.device.state] - RANKS[b.device.state] || byName(a, b),
  name: byName,
  '-name': (a, b) => byName(b, a),
  system: bySystem,
  '-system': (a, b) => bySystem(b, a),
  seen: bySeen,
  '-seen': (a, b) => bySeen(b, a),
};

/** @param entries in the order in which they were created */
export const inOrder = (entries: readonly DeviceEntry[], order: DeviceOrder): readonly DeviceEntry[] =>
  order === 'created' ? entries : entries.toSorted(ORDERS[order]);
