import * as z from 'zod';

/**
 * What may be the matter with an active device. One that is not heard of can be nothing else but `offline`.
 *
 * | issue | meaning |
 * |---|---|
 * | `update-failed` | its last update failed |
 * | `app-failing` | an app of it ends again and again |
 * | `data-in-memory` | its data partition does not mount: what apps write is lost at power-off |
 * | `low-storage` | less than a tenth of its data partition is free |
 * | `low-memory` | less than a tenth of its memory is available |
 * | `hot` | it is as hot as where boards begin to slow themselves down |
 */
export const deviceIssueSchema = z.enum([
  'update-failed',
  'app-failing',
  'data-in-memory',
  'low-storage',
  'low-memory',
  'hot',
]);
export type DeviceIssue = z.infer<typeof deviceIssueSchema>;

/** How an active device is doing; `ailing`: online, with an issue; `updating`: its last update is under way. */
export const deviceStatusSchema = z.enum([
  'online',
  'offline',
  'healthy',
  'ailing',
  'updating',
  ...deviceIssueSchema.options,
]);
export type DeviceStatus = z.infer<typeof deviceStatusSchema>;

/** `attention`: those that wait for approval first, those that are revoked last; between them by name. A dash: from the end. */
export const deviceOrderSchema = z.enum([
  'created',
  'attention',
  'name',
  '-name',
  'system',
  '-system',
  'seen',
  '-seen',
]);
export type DeviceOrder = z.infer<typeof deviceOrderSchema>;

const count = z.number().int().nonnegative();

export const deviceFilterSchema = z.strictObject({
  tag: z.string().max(64).optional(),
  state: z.enum(['pending', 'active', 'revoked']).optional(),
  status: deviceStatusSchema.optional(),
  /** The language is described in docs/fleet.md. */
  query: z.string().max(1000).optional(),
  /** Words that must all occur in the name, id, serial number, board, version, tags or apps. */
  search: z.string().max(200).optional(),
});
export type DeviceFilter = z.infer<typeof deviceFilterSchema>;

/** Query of GET /api/v1/devices. Without `limit` all come. */
export const devicePageRequestSchema = deviceFilterSchema.extend({
  order: deviceOrderSchema.default('created'),
  offset: z.coerce.number().int().min(0).max(10_000_000).default(0),
  limit: z.coerce.number().int().min(1).max(1000).optional(),
});
export type DevicePageRequest = z.infer<typeof devicePageRequestSchema>;

/** One thing done to many devices. */
export const deviceActionSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['approve', 'revoke', 'reboot']) }),
  z.strictObject({ kind: z.enum(['add-tag', 'remove-tag']), tag: z.string().min(1).max(64) }),
]);
export type DeviceAction = z.infer<typeof deviceActionSchema>;

export const DEVICES_PER_ACTION = 10_000;
export const deviceActionRequestSchema = z.strictObject({
  action: deviceActionSchema,
  to: z.union([
    z.strictObject({ devices: z.array(z.string().max(64)).min(1).max(DEVICES_PER_ACTION) }),
    /** `count`: how many the person saw that fit; where it is another number by now, nothing is done. */
    z.strictObject({ filter: deviceFilterSchema, count: z.number().int().min(1).max(DEVICES_PER_ACTION) }),
  ]),
});
export type DeviceActionRequest = z.infer<typeof deviceActionRequestSchema>;

export const deviceActionAnswerSchema = z.object({
  done: z.number().int(),
  failed: z.array(z.object({ id: z.string(), code: z.string(), message: z.string() })),
});
export type DeviceActionAnswer = z.infer<typeof deviceActionAnswerSchema>;

/** The fleet in numbers. Unless said otherwise, of the active devices. */
export const fleetOverviewSchema = z.object({
  devices: z.object({ total: count, pending: count, active: count, revoked: count }),
  /** Each active device is one of these: online and well, online with something the matter, not heard of. */
  health: z.object({ healthy: count, ailing: count, offline: count }),
  updating: count,
  /** Those that occur, the most frequent first. */
  issues: z.array(z.object({ issue: deviceIssueSchema, devices: count })),
  systems: z.array(z.object({ board: z.string(), version: z.string(), devices: count })),
  apps: z.array(z.object({ name: z.string(), version: z.string(), devices: count, failing: count })),
  /** In the order of the alphabet. */
  tags: z.array(z.object({ tag: z.string(), board: z.string(), devices: count })),
});
export type FleetOverview = z.infer<typeof fleetOverviewSchema>;
