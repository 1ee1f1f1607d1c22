import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import type { ClaimToken } from '@nodeos/contracts/operator-api.ts';
import type { Insertable, Selectable } from 'kysely';
import type { DevicePatch, DeviceRecord, ReleaseRecord, RolloutDevice } from '../store.ts';
import { heldJson } from './engine.ts';
import type { DeviceRow, Tables } from './tables.ts';

/** What `rolloutDevicesFromRows` needs. */
export const ROLLOUT_COLUMNS = [
  'id',
  'serial',
  'board',
  'state',
  'tags',
  'system_version',
  'desired',
  'pins',
  'apps',
  'report',
] as const;
type RolloutRow = Pick<Selectable<DeviceRow>, (typeof ROLLOUT_COLUMNS)[number]>;
type Parse = <T>(text: string) => T;

/** Conversions between rows and records; the rows were written by this module, so they are not checked again. */
const deviceBase = (row: Omit<RolloutRow, 'apps' | 'report'>, parse: Parse) => ({
  id: row.id,
  serial: row.serial,
  board: row.board,
  state: row.state as DeviceRecord['state'],
  tags: parse<DeviceRecord['tags']>(row.tags),
  systemVersion: row.system_version,
  desired: parse<DeviceRecord['desired']>(row.desired),
  pins: parse<DeviceRecord['pins']>(row.pins),
});

export const deviceFromRow = (row: Omit<Selectable<DeviceRow>, 'apps'>): DeviceRecord => ({
  ...deviceBase(row, JSON.parse),
  publicKey: row.public_key,
  certificate: row.certificate,
  lastSeen: row.last_seen,
  createdAt: row.created_at,
  report: row.report === null ? null : JSON.parse(row.report),
});

export function rolloutDevicesFromRows(rows: readonly RolloutRow[]): RolloutDevice[] {
  // Most devices of a fleet want the same, and run the same.
  const known = new Map<string, unknown>();
  const parse: Parse = <T>(text: string): T => {
    if (!known.has(text)) known.set(text, JSON.parse(text));
    return known.get(text) as T;
  };
  return rows.map(({ report: text, apps, ...row }) => {
    let report: DeviceReport | null = null;
    return {
      ...deviceBase(row, parse),
      apps: apps === null ? {} : parse(apps),
      get report() {
        if (text !== null) report ??= JSON.parse(text) as DeviceReport;
        return report;
      },
    };
  });
}

export function deviceToRow(patch: DevicePatch): Partial<Insertable<DeviceRow>> {
  const row: Partial<Insertable<DeviceRow>> = {};
  if (patch.serial !== undefined) row.serial = patch.serial;
  if (patch.board !== undefined) row.board = patch.board;
  if (patch.state !== undefined) row.state = patch.state;
  if (patch.tags !== undefined) row.tags = JSON.stringify(patch.tags);
  if (patch.certificate !== undefined) row.certificate = patch.certificate;
  if (patch.systemVersion !== undefined) row.system_version = patch.systemVersion;
  if (patch.lastSeen !== undefined) row.last_seen = patch.lastSeen;
  if (patch.report !== undefined) row.report = patch.report === null ? null : heldJson(patch.report);
  if (patch.desired !== undefined) row.desired = JSON.stringify(patch.desired);
  if (patch.pins !== undefined) row.pins = JSON.stringify(patch.pins);
  return row;
}

export const claimTokenFromRow = (row: Tables['claim_tokens']): ClaimToken => ({
  token: row.token,
  uses: row.uses,
  used: row.used,
  expiresAt: row.expires_at,
  tags: JSON.parse(row.tags),
  autoApprove: row.auto_approve === 1,
  ...(row.approve_only !== null && { approveOnly: JSON.parse(row.approve_only) }),
  createdAt: row.created_at,
});

export const releaseFromRow = (row: Tables['releases']): ReleaseRecord => ({
  target: row.target,
  kind: row.kind as ReleaseRecord['kind'],
  name: row.name,
  version: row.version,
  bytes: row.bytes,
  sha256: row.sha256,
  publishedAt: row.published_at,
  custom: JSON.parse(row.custom),
  listed: row.listed === 1,
});

export const releaseToRow = (release: ReleaseRecord): Tables['releases'] => ({
  target: release.target,
  kind: release.kind,
  name: release.name,
  version: release.version,
  bytes: release.bytes,
  sha256: release.sha256,
  published_at: release.publishedAt,
  custom: JSON.stringify(release.custom),
  listed: release.listed ? 1 : 0,
});
