import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { ClaimToken } from '@nodeos/contracts/operator-api.ts';
import type { Insertable, Selectable } from 'kysely';
import type { ReleaseRecord } from '../releases.ts';
import type { DevicePatch, DeviceRecord, ListedDevice, RolloutDevice } from '../store.ts';
import { heldJson } from './engine.ts';
import type { DeviceRow, Tables } from './tables.ts';

/** What `rolloutDevicesFromRows` needs. */
export const ROLLOUT_COLUMNS = ['id', 'serial', 'board', 'state', 'tags', 'system_version', 'pins', 'apps'] as const;
/** What `listedDevicesFromRows` needs beside the host name. */
export const LIST_COLUMNS = [
  ...(['id', 'serial', 'board', 'state', 'tags', 'system_version', 'apps'] as const),
  ...(['last_seen', 'created_at'] as const),
] as const;
type ListRow = Pick<Selectable<DeviceRow>, (typeof LIST_COLUMNS)[number]> & { readonly hostname: string | null };
type MaybeReport = Partial<Pick<DeviceRow, 'report'>>;
type Desired = { readonly desired: string };
type RolloutRow = Pick<Selectable<DeviceRow>, (typeof ROLLOUT_COLUMNS)[number]> & Desired;
type Parse = <T>(text: string) => T;

/** Conversions between rows and records; the rows were written by this module, so they are not checked again. */
const deviceBase = (row: Omit<RolloutRow, 'apps'>, parse: Parse) => ({
  id: row.id,
  serial: row.serial,
  board: row.board,
  state: row.state as DeviceRecord['state'],
  tags: parse<DeviceRecord['tags']>(row.tags),
  systemVersion: row.system_version,
  desired: parse<DeviceRecord['desired']>(row.desired),
  pins: parse<DeviceRecord['pins']>(row.pins),
});

export const deviceFromRow = (row: Omit<Selectable<DeviceRow>, 'apps'> & Desired): DeviceRecord => ({
  ...deviceBase(row, JSON.parse),
  publicKey: row.public_key,
  certificate: row.certificate,
  lastSeen: row.last_seen,
  createdAt: row.created_at,
  report: row.report === null ? null : JSON.parse(row.report),
});

/** @param rows without reports where those were not read */
export function rolloutDevicesFromRows(rows: readonly (RolloutRow & MaybeReport)[]): RolloutDevice[] {
  const parse = rememberingParse();
  return rows.map((row) =>
    withReport(row, { ...deviceBase(row, parse), apps: row.apps === null ? {} : parse(row.apps) }),
  );
}

/** @param rows as `rolloutDevicesFromRows` */
export function listedDevicesFromRows(rows: readonly (ListRow & MaybeReport)[]): ListedDevice[] {
  const parse = rememberingParse();
  return rows.map((row) =>
    withReport(row, {
      ...{ id: row.id, serial: row.serial, board: row.board, state: row.state as DeviceRecord['state'] },
      ...{ systemVersion: row.system_version, lastSeen: row.last_seen, createdAt: row.created_at },
      tags: parse<DeviceRecord['tags']>(row.tags),
      hostname: row.hostname,
      apps: row.apps === null ? {} : parse<ListedDevice['apps']>(row.apps),
    }),
  );
}

/** Most devices of a fleet want the same, and run the same. */
function rememberingParse(): Parse {
  const known = new Map<string, unknown>();
  return <T>(text: string): T => {
    if (!known.has(text)) known.set(text, JSON.parse(text));
    return known.get(text) as T;
  };
}

/** The device with its report, which is parsed when it is asked for. */
function withReport<Device extends object>(row: MaybeReport, device: Device): Device & Pick<DeviceRecord, 'report'> {
  let report: DeviceReport | null = null;
  return {
    ...device,
    get report() {
      if (row.report === undefined) throw new NodeosError('INTERNAL', 'the reports of devices were not read');
      if (row.report !== null) report ??= JSON.parse(row.report) as DeviceReport;
      return report;
    },
  };
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
