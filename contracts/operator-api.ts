import * as z from 'zod';
import { appStatusSchema } from './desired-state.ts';
import { deviceReportSchema, updateStatusSchema } from './device-api.ts';
import { approveOnlySchema } from './provisioning.ts';
import { releaseCustomSchema } from './release.ts';
import { groupNameSchema, maintenanceWindowSchema, rolloutPolicySchema } from './rollout.ts';
import { semverSchema, sha256Schema } from './validate.ts';

/**
 * Operator API below `/api/v1`, bearer token (or the dashboard's session cookie, set by POST /api/v1/session {token}).
 * Errors: HTTP status and ErrorBody. People, API tokens and fleets: access.ts; audit.ts, webhooks.ts,
 * provisioning.ts; lists and many devices at once: device-list.ts.
 *
 * | route | body → answer |
 * |---|---|
 * | GET /healthz (no token) | → {status:'ok'} |
 * | POST/DELETE /api/v1/session | {token} → 204 + cookie |
 * | GET /api/v1/server | → ServerInfo |
 * | GET /api/v1/devices?tag=&state=&status=&query=&search=&order=&offset=&limit= | → {devices: DeviceSummary[], total} |
 * | GET /api/v1/overview | → FleetOverview |
 * | POST /api/v1/devices/actions | DeviceActionRequest → DeviceActionAnswer |
 * | PUT /api/v1/devices/:id/pins | {pins: Pins} → DeviceSummary |
 * | GET /api/v1/groups | → {groups: Group[]} |
 * | PUT /api/v1/groups/:name | GroupRequest → Group |
 * | GET/DELETE /api/v1/groups/:name | → GroupDetail, 204 |
 * | GET /api/v1/devices/:id | → DeviceDetail |
 * | GET /api/v1/devices/:id/metrics | → MetricsAnswer (metrics.ts) |
 * | POST /api/v1/devices/:id/approve | → DeviceSummary |
 * | POST /api/v1/devices/:id/revoke | → DeviceSummary |
 * | PUT /api/v1/devices/:id/tags | {tags} → DeviceSummary |
 * | POST /api/v1/devices/:id/reboot | → 202 |
 * | POST /api/v1/devices/:id/identify {seconds?} | → 202; 409 where it is offline |
 * | POST /api/v1/devices/:id/reformat-data | → 202; 409 unless the device reports that its data lies in RAM |
 * | GET /api/v1/configurations | → {configurations: AppConfiguration[]} |
 * | POST /api/v1/configurations/:app | ConfigurationChange → AppConfiguration |
 * | GET /api/v1/devices/:id/configuration | → {apps: Configurations} |
 * | GET /api/v1/devices/:id/logs?app=&backlog=&follow=1 | → server-sent events `log` (a LogBatch each) |
 * | GET /api/v1/devices/:id/screenshot | → PNG; 409 where it is offline or has no screen |
 * | POST /api/v1/devices/:id/repl {app} | → {session} |
 * | POST /api/v1/devices/:id/repl/:session {data,end} | → 204 |
 * | GET /api/v1/devices/:id/repl/:session | → server-sent events `repl` (ReplMessage) |
 * | POST /api/v1/devices/:id/development {app,resume} | → {session} |
 * | POST /api/v1/devices/:id/development/:session {data,end} | → 204 |
 * | GET /api/v1/devices/:id/development/:session | → server-sent events `development` (ReplMessage) |
 * | GET/POST /api/v1/claim-tokens, DELETE /api/v1/claim-tokens/:id | ClaimTokenRequest → ListedClaimToken, 204 |
 * | GET/PUT /api/v1/registrations, DELETE /api/v1/registrations/:serial | comma-separated values → counts, 204 |
 * | POST /api/v1/devices/:id/replace {old}, DELETE /api/v1/devices/:id | → DeviceSummary, 204 |
 * | PUT /api/v1/tuf/root | root.json (first publish only, or a valid rotation) → 204 |
 * | GET /api/v1/tuf/:file | current metadata (`root.json`, `targets.json` = newest) |
 * | PUT /api/v1/blobs/:sha256 (octets) | → 201, 200 where present |
 * | HEAD /api/v1/blobs/:sha256 | 200 or 404 |
 * | PUT /api/v1/tuf/targets | signed targets.json → {releases: number} |
 * | GET /api/v1/releases | → {releases: Release[]} |
 * | GET /api/v1/deployments?recent=&before=&limit=, GET /api/v1/deployments/:id | → {deployments: Deployment[]}, Deployment |
 * | POST /api/v1/deployments | DeploymentRequest → Deployment |
 * | POST /api/v1/deployments/plan | DeploymentRequest → DeploymentPlan; nothing changes |
 * | POST /api/v1/deployments/:id/abort {turnBack?} | → Deployment |
 * | POST /api/v1/deployments/:id/pause, …/resume, …/approve | → Deployment |
 * | GET /api/v1/events | → server-sent events `change` {topic:'devices'|'deployments'|'releases'|'groups', id} |
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
/** Releases, by target path, that a device keeps whatever is deployed: `system`, or the name of an app. */
export const pinsSchema = z.record(z.string().max(48), z.string().max(256));
export type Pins = z.infer<typeof pinsSchema>;
export const deviceSummarySchema = z.object({
  id: z.string(),
  name: z.string(),
  serial: z.string(),
  board: z.string(),
  state: deviceStateSchema,
  online: z.boolean(),
  tags: z.array(z.string()),
  pins: pinsSchema,
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
  approveOnly: approveOnlySchema.optional(),
});
export const claimTokenSchema = claimTokenRequestSchema.extend({
  token: z.string(),
  used: z.number().int(),
  createdAt: z.number().int(),
});
export type ClaimTokenRequest = z.infer<typeof claimTokenRequestSchema>;
export type ClaimToken = z.infer<typeof claimTokenSchema>;
export const listedClaimTokenSchema = claimTokenSchema.extend({ id: z.string() });
export type ListedClaimToken = z.infer<typeof listedClaimTokenSchema>;

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

export const groupRequestSchema = z.strictObject({
  /** Devices for which this holds; the language is described in docs/fleet.md. Null: only those that are named. */
  query: z.string().max(1000).nullable(),
  /** Ids of devices that belong to it in any case. */
  devices: z.array(z.string().max(64)).max(100_000),
  /** Devices of the group are updated in it only, but by forced deployments. */
  window: maintenanceWindowSchema.nullable(),
});
export type GroupRequest = z.infer<typeof groupRequestSchema>;
export const groupSchema = groupRequestSchema.extend({
  name: z.string(),
  createdAt: z.number().int(),
  /** Devices that belong to it now. */
  size: z.number().int(),
});
export type Group = z.infer<typeof groupSchema>;
export const groupDetailSchema = groupSchema.extend({
  members: z.array(z.object({ id: z.string(), name: z.string() })),
});
export type GroupDetail = z.infer<typeof groupDetailSchema>;

/** One device, or all that are in a group, have a tag or fit a query, those that come later too. */
export const destinationSchema = z.union([
  z.strictObject({ device: z.string() }),
  z.strictObject({ tag: z.string().min(1).max(64) }),
  z.strictObject({ group: groupNameSchema }),
  z.strictObject({ query: z.string().min(1).max(1000) }),
]);
export type Destination = z.infer<typeof destinationSchema>;

export const deploymentRequestSchema = z.strictObject({
  target: z.string().max(256),
  to: destinationSchema,
  /** What is not given is as in PLAIN_ROLLOUT. */
  rollout: rolloutPolicySchema.partial().optional(),
});
export type DeploymentRequest = z.infer<typeof deploymentRequestSchema>;

export const deploymentDeviceStateSchema = z.enum([
  // in a later wave, outside of its window, or over a limit
  'planned',
  // meant for it, but it does not get it; the reason says why
  'skipped',
  // may begin
  'waiting',
  'told',
  'working',
  // runs the release, and is watched
  'soaking',
  'confirmed',
  // failed, and is tried again later
  'penalty',
  'failed',
  // goes back to what it ran, is back
  'returning',
  'returned',
  'superseded',
]);
export const deploymentStateSchema = z.enum([
  'awaiting-approval',
  'running',
  'paused',
  'halted',
  'turning-back',
  'turned-back',
  'done',
  'failed',
  'aborted',
]);
const countsSchema = z.partialRecord(deploymentDeviceStateSchema, z.number().int());
export const deploymentSchema = z.object({
  id: z.string(),
  target: z.string(),
  kind: z.enum(['app', 'system']),
  name: z.string(),
  version: semverSchema,
  to: destinationSchema,
  rollout: rolloutPolicySchema,
  state: deploymentStateSchema,
  /** Why it was halted or turned back, one sentence. */
  reason: z.string().nullable(),
  /** Index of the wave that runs. */
  wave: z.number().int(),
  waves: z.array(z.object({ size: z.number().int(), counts: countsSchema })),
  counts: countsSchema,
  createdAt: z.number().int(),
  endedAt: z.number().int().nullable(),
  /** Those with something to tell come first; a list is cut off where there are too many to show. */
  devices: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      wave: z.number().int(),
      attempts: z.number().int(),
      state: deploymentDeviceStateSchema,
      percent: z.number().nullable(),
      reason: z.string().nullable(),
      /** Milliseconds since 1970 before which it does not begin. */
      notBefore: z.number().int().nullable(),
    }),
  ),
});
export type Deployment = z.infer<typeof deploymentSchema>;

/** Query of GET /api/v1/deployments; without any of it all come. */
export const deploymentPageSchema = z.strictObject({
  /** So many of the newest, and those of the others that have not ended. */
  recent: z.coerce.number().int().min(1).max(1000).optional(),
  /** Id of a deployment: only older ones. */
  before: z.string().max(64).optional(),
  limit: z.coerce.number().int().min(1).max(1000).optional(),
});
export type DeploymentPage = z.infer<typeof deploymentPageSchema>;

/** What a deployment would do, as far as that can be told now. */
export const deploymentPlanSchema = z.object({
  target: z.string(),
  waves: z.array(z.object({ size: z.number().int() })),
  devices: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      wave: z.number().int(),
      runs: z.string().nullable(),
      state: z.enum(['planned', 'skipped']),
      reason: z.string().nullable(),
      /** When it may begin at the earliest, by windows and rates alone; null: after the waves before it. */
      startsAt: z.number().int().nullable(),
    }),
  ),
});
export type DeploymentPlan = z.infer<typeof deploymentPlanSchema>;

/** States in which a deployment still has something to do by itself. */
export const UNDER_WAY: readonly Deployment['state'][] = ['running', 'turning-back'];
