import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import semver from 'semver';
import { FIELDS, type Field, mebibytesOf, type Query } from './query.ts';
import type { Comparison } from './query-tokens.ts';

/** What a query can ask of a device. */
export interface DeviceFacts {
  readonly id: string;
  readonly name: string;
  readonly serial: string;
  readonly board: string;
  readonly state: string;
  readonly tags: readonly string[];
  readonly systemVersion: string;
  readonly report: DeviceReport | null;
}

/** The one place where a query meets a device. What a device has not told compares with nothing: only `!=` and `not` hold. */
export function matchesQuery(query: Query, device: DeviceFacts): boolean {
  switch (query.kind) {
    case 'and':
      return query.parts.every((part) => matchesQuery(part, device));
    case 'or':
      return query.parts.some((part) => matchesQuery(part, device));
    case 'not':
      return !matchesQuery(query.part, device);
    case 'tag':
      return device.tags.includes(query.tag);
    case 'app': {
      const apps = device.report?.apps ?? {};
      const app = Object.hasOwn(apps, query.app) ? apps[query.app] : undefined;
      if (app === undefined) return false;
      return query.comparison === null || compareVersions(app.version, query.comparison, query.version);
    }
    case 'field':
      return compareField(device, query.field, query.comparison, query.value);
    case 'in':
      return query.values.some((value) => compareField(device, query.field, '=', value));
  }
}

function compareField(device: DeviceFacts, field: Field, comparison: Comparison, wanted: string): boolean {
  const values = valuesOf(device, field);
  if (comparison === '!=') return !values.some((value) => compareValue(field, value, '=', wanted));
  return values.some((value) => compareValue(field, value, comparison, wanted));
}

function compareValue(field: Field, value: string, comparison: Comparison, wanted: string): boolean {
  if (FIELDS[field] === 'version') return compareVersions(value, comparison, wanted);
  if (FIELDS[field] === 'mebibytes') return ordered(Number(value) - (mebibytesOf(wanted) ?? Number.NaN), comparison);
  if (FIELDS[field] === 'number') return ordered(Number(value) - Number(wanted), comparison);
  return comparison === '~' ? matchesGlob(wanted, value) : value === wanted;
}

function compareVersions(value: string, comparison: Comparison, wanted: string): boolean {
  return ordered(semver.compare(value, wanted), comparison);
}

function ordered(difference: number, comparison: Comparison): boolean {
  if (comparison === '<') return difference < 0;
  if (comparison === '<=') return difference <= 0;
  if (comparison === '>') return difference > 0;
  return comparison === '>=' ? difference >= 0 : difference === 0;
}

/** `*` stands for any characters; without regard to case. In steps of at most pattern times text. */
export function matchesGlob(pattern: string, text: string): boolean {
  const [wanted, given] = [pattern.toLowerCase(), text.toLowerCase()];
  let [at, from] = [0, 0];
  let star = -1;
  let resume = 0;
  while (from < given.length) {
    if (wanted[at] === '*') {
      star = at++;
      resume = from;
    } else if (at < wanted.length && wanted[at] === given[from]) {
      at++;
      from++;
    } else if (star >= 0) {
      at = star + 1;
      from = ++resume;
    } else return false;
  }
  while (wanted[at] === '*') at++;
  return at === wanted.length;
}

/** Empty where the device has not told. */
function valuesOf(device: DeviceFacts, field: Field): readonly string[] {
  const { report } = device;
  const inventory = report?.inventory;
  const known = (value: string | number | undefined): string[] => (value === undefined ? [] : [String(value)]);
  switch (field) {
    case 'system':
      return [device.systemVersion];
    case 'node':
      return known(inventory?.nodeVersion);
    case 'kernel':
      return known(inventory?.kernel);
    case 'timezone':
      return known(inventory?.timeZone);
    case 'address':
      return report?.addresses ?? [];
    case 'memory':
      return known(report === null ? undefined : report.memory.totalKiB / 1024);
    case 'storage':
      return known(inventory?.storage === undefined ? undefined : inventory.storage.freeKiB / 1024);
    case 'load':
      return known(report?.metrics?.load.one);
    case 'temperature':
      return known(report?.metrics?.temperature ?? undefined);
    default:
      return [device[field]];
  }
}
