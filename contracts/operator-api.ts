import * as z from 'zod';
import { appStatusSchema } from './desired-state.ts';
import { deviceReportSchema, updateStatusSchema } from './device-api.ts';
import { releaseCustomSchema } from './release.ts';
import { semverSchema, sha256Schema } from './validate.ts';

/**
 * Operator API below `/api/v1`, bearer token (or the dashboard's session cookie, set by POST /api/v1/session {token}).
 * Errors: HTTP status and ErrorBody.
 *
 * | route | body → answer |
 * |---|---|
 * | GET /healthz (no token) | → {status:'ok'} |
 * | POST/DELETE /api/v1/session | {token} → 204 + cookie |
 * | GET /api/v1/server | → ServerInfo |
 * | GET /api/v1/devices?tag=&state= | → {devices: DeviceSummary[]} |
 * | GET /api/v1/devices/:id | → DeviceDetail |
 * | POST /api/v1/devices/:id/approve | → DeviceSummary |
 * | POST /api/v1/devices/:id/revoke | → DeviceSummary |
 * | PUT /api/v1/devices/:id/tags | {tags} → DeviceSummary |
 * | POST /api/v1/devices/:id/reboot | → 202 |
 * | POST /api/v1/devices/:id/reformat-data | → 202; 409 unless the device reports that its data lies in RAM |
 * | GET /api/v1/devices/:id/logs?app=&backlog=&follow=1 | → server-sent events `log` (a LogBatch each) |
 * | POST /api/v1/devices/:id/repl {app} | → {session} |
 * | POST /api/v1/devices/:id/repl/:session {data,end} | → 204 |
 * | GET /api/v1/devices/:id/repl/:session | → server-sent events `repl` (ReplMessage) |
 * | GET/POST /api/v1/claim-tokens | ClaimTokenRequest → ClaimToken |
 * | PUT /api/v1/tuf/root | root.json (first publish only, or a valid rotation) → 204 |
 * | GET /api/v1/tuf/:file | current metadata (`root.json`, `targets.json` = newest) |
 * | PUT /api/v1/blobs/:sha256 (octets) | → 201, 200 where present |
 * | HEAD /api/v1/blobs/:sha256 | 200 or 404 |
 * | PUT /api/v1/tuf/targets | signed targets.json → {releases: number} |
 * | GET /api/v1/releases | → {releases: Release[]} |
 * | GET /api/v1/deployments, GET /api/v1/deployments/:id | → {deployments: Deployment[]}, Deployment |
 * | POST /api/v1/deployments | DeploymentRequest → Deployment |
 * | POST /api/v1/deployments/:id/abort | → Deployment |
 * | GET /api/v1/events | → server-sent events `change` {topic:'devices'|'deployments'|'releases', id} |
 */
export const errorBodySchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), hint: z.string() }),
});
export type ErrorBody = z.infer<typeof errorBodySchema>;

export const serverInfoSchema = z.object({
  version: z.string(),
  deviceUrl: z.string(),
  brokerUrl: z.string(),
  /** PEM of the authority that devices must trust; goes into the fleet file. */
  ca: z.string(),
  rootVersion: z.number().int().nullable(),
  /** Public keys (hex) and versions of the online roles, for the root metadata made by `nodeos keys init`. */
  onlineKeys: z.object({ snapshot: z.string(), timestamp: z.string() }),
});
export type ServerInfo = z.infer<typeof serverInfoSchema>;

export const deviceStateSchema = z.enum(['pending', 'active', 'revoked']);
export const deviceSummarySchema = z.object({
  id: z.string(),
  name: z.string(),
  serial: z.string(),
  board: z.string(),
  state: deviceStateSchema,
  online: z.boolean(),
  tags: z.array(z.string()),
  systemVersion: z.string(),
  apps: z.record(z.string(), appStatusSchema),
  /** Milliseconds since 1970, null before the first contact. */
  lastSeen: z.number().int().nullable(),
  createdAt: z.number().int(),
  /** The update under way or last ended, if any. */
  update: updateStatusSchema.nullable(),
});
export type DeviceSummary = z.infer<typeof deviceSummarySchema>;

export const deviceDetailSchema = deviceSummarySchema.extend({
  report: deviceReportSchema.nullable(),
  updates: z.array(updateStatusSchema.extend({ at: z.number().int() })),
  events: z.array(z.object({ at: z.number().int(), kind: z.string(), text: z.string() })),
});
export type DeviceDetail = z.infer<typeof deviceDetailSchema>;

export const claimTokenRequestSchema = z.strictObject({
  /** Devices it may enrol, null without limit. */
  uses: z.number().int().min(1).nullable(),
  expiresAt: z.number().int().nullable(),
  tags: z.array(z.string().max(64)).max(32),
  /** True: devices need no approval by hand. */
  autoApprove: z.boolean(),
});
export const claimTokenSchema = claimTokenRequestSchema.extend({
  token: z.string(),
  used: z.number().int(),
  createdAt: z.number().int(),
});
export type ClaimTokenRequest = z.infer<typeof claimTokenRequestSchema>;
export type ClaimToken = z.infer<typeof claimTokenSchema>;

export const releaseSchema = z.object({
  target: z.string(),
  kind: z.enum(['app', 'system']),
  name: z.string(),
  version: semverSchema,
  bytes: z.number().int(),
  sha256: sha256Schema,
  publishedAt: z.number().int(),
  custom: releaseCustomSchema,
});
export type Release = z.infer<typeof releaseSchema>;

export const deploymentRequestSchema = z.strictObject({
  target: z.string().max(256),
  /** Exactly one of the two: one device, or all with a tag (those that come later too). */
  to: z.union([z.strictObject({ device: z.string() }), z.strictObject({ tag: z.string().min(1).max(64) })]),
});
export type DeploymentRequest = z.infer<typeof deploymentRequestSchema>;

export const deploymentDeviceStateSchema = z.enum(['waiting', 'told', 'working', 'confirmed', 'failed', 'superseded']);
export const deploymentSchema = z.object({
  id: z.string(),
  target: z.string(),
  kind: z.enum(['app', 'system']),
  name: z.string(),
  version: semverSchema,
  to: z.union([z.object({ device: z.string() }), z.object({ tag: z.string() })]),
  state: z.enum(['running', 'done', 'failed', 'aborted']),
  createdAt: z.number().int(),
  endedAt: z.number().int().nullable(),
  devices: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      state: deploymentDeviceStateSchema,
      percent: z.number().nullable(),
      reason: z.string().nullable(),
    }),
  ),
});
export type Deployment = z.infer<typeof deploymentSchema>;
