import type { ClaimToken } from '@nodeos/contracts/operator-api.ts';
import type { DevicePatch, DeviceRecord, ReleaseRecord } from '../store.ts';
import type { DeviceRow, Tables } from './tables.ts';

/** Conversions between rows and records; the rows were written by this module, so they are not checked again. */
export const deviceFromRow = (row: DeviceRow): DeviceRecord => ({
  id: row.id,
  serial: row.serial,
  board: row.board,
  state: row.state as DeviceRecord['state'],
  tags: JSON.parse(row.tags),
  publicKey: row.public_key,
  certificate: row.certificate,
  systemVersion: row.system_version,
  lastSeen: row.last_seen,
  createdAt: row.created_at,
  report: row.report === null ? null : JSON.parse(row.report),
  desired: JSON.parse(row.desired),
  pins: JSON.parse(row.pins),
});

export function deviceToRow(patch: DevicePatch): Partial<DeviceRow> {
  const row: Partial<DeviceRow> = {};
  if (patch.serial !== undefined) row.serial = patch.serial;
  if (patch.board !== undefined) row.board = patch.board;
  if (patch.state !== undefined) row.state = patch.state;
  if (patch.tags !== undefined) row.tags = JSON.stringify(patch.tags);
  if (patch.certificate !== undefined) row.certificate = patch.certificate;
  if (patch.systemVersion !== undefined) row.system_version = patch.systemVersion;
  if (patch.lastSeen !== undefined) row.last_seen = patch.lastSeen;
  if (patch.report !== undefined) row.report = patch.report === null ? null : JSON.stringify(patch.report);
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
