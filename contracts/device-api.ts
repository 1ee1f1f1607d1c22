import * as z from 'zod';
import { appStatusSchema } from './desired-state.ts';
import { deviceMetricsSchema } from './metrics.ts';
import { screenStatusSchema } from './screen.ts';
import { appNameSchema, boardNameSchema, semverSchema } from './validate.ts';
import { wifiStateSchema } from './wifi.ts';

/**
 * Device API: HTTPS with mutual TLS (enrolment without a client certificate).
 *
 * | route | body → answer |
 * |---|---|
 * | POST /device/v1/enrol | EnrolRequest → EnrolAnswer (202 pending, 200 approved) |
 * | GET /device/v1/desired | → DesiredState, ETag = generation, 304 where unchanged |
 * | POST /device/v1/report | DeviceReport → 204 |
 * | POST /device/v1/events | DeviceEvents → 204 |
 * | POST /device/v1/screenshots/<request> | ScreenshotAnswer → 204; 404 where nobody waits for it |
 * | GET /tuf/<metadata file> | TUF metadata |
 * | GET /targets/<consistent target path> | the bytes, with Range |
 */
export const DEVICE_ROUTES = {
  enrol: '/device/v1/enrol',
  desired: '/device/v1/desired',
  report: '/device/v1/report',
  events: '/device/v1/events',
  screenshots: '/device/v1/screenshots',
  tuf: '/tuf',
  targets: '/targets',
} as const;

export const enrolRequestSchema = z.strictObject({
  /** PKCS#10 request, PEM, signed by the device's own key. */
  csr: z.string().startsWith('-----BEGIN CERTIFICATE REQUEST-----').max(8192),
  claimToken: z.string().min(8).max(128),
  serial: z.string().max(64),
  board: boardNameSchema,
  systemVersion: semverSchema,
});
export type EnrolRequest = z.infer<typeof enrolRequestSchema>;

export const enrolAnswerSchema = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('pending'), deviceId: z.string(), retryAfterSeconds: z.number().int().positive() }),
  z.strictObject({
    state: z.literal('approved'),
    deviceId: z.string(),
    /** PEM, client certificate; its subject's CN is the device id. */
    certificate: z.string(),
  }),
]);
export type EnrolAnswer = z.infer<typeof enrolAnswerSchema>;

export const updateStatusSchema = z.strictObject({
  lane: z.enum(['app', 'system']),
  /** App name, or `system`. */
  name: z.string(),
  version: semverSchema,
  target: z.string(),
  deployment: z.string().nullable(),
  state: z.enum(['fetching', 'verifying', 'installing', 'trial', 'soaking', 'downloaded', 'confirmed', 'failed']),
  /** 0 to 100 while fetching. */
  percent: z.number().min(0).max(100).nullable(),
  /** One sentence, present when failed: `CODE: what happened`. */
  reason: z.string().max(2000).nullable(),
});
export type UpdateStatus = z.infer<typeof updateStatusSchema>;

/** What the device is made of, and where it stands. */
export const inventorySchema = z.strictObject({
  serial: z.string().max(64),
  /** IANA name; maintenance windows are meant in it. */
  timeZone: z.string().max(64),
  /** `uname -r`. */
  kernel: z.string().max(128),
  nodeVersion: semverSchema,
  /** Of the data partition. */
  storage: z.strictObject({ totalKiB: z.number().int().nonnegative(), freeKiB: z.number().int().nonnegative() }),
  network: z
    .array(
      z.strictObject({
        name: z.string().max(32),
        mac: z.string().max(32),
        /** Of a wireless interface whose networks the fleet file names. */
        wifi: z.strictObject({ state: wifiStateSchema, ssid: z.string().max(64).nullable() }).optional(),
      }),
    )
    .max(32),
});
export type Inventory = z.infer<typeof inventorySchema>;

export const deviceReportSchema = z.strictObject({
  format: z.literal(1),
  board: boardNameSchema,
  /** What the device calls itself; absent in reports of systems older than the field. */
  hostname: z.string().max(64).optional(),
  system: z.strictObject({ version: semverSchema, slot: z.enum(['a', 'b']), trial: z.boolean() }),
  /** Random for each boot (the kernel's boot_id). */
  bootId: z.string(),
  uptimeSeconds: z.number().nonnegative(),
  dataStore: z.enum(['disk', 'ram']),
  generation: z.number().int().nonnegative().nullable(),
  apps: z.record(appNameSchema, appStatusSchema),
  /** Latest status of each update since boot and of those the server has not acknowledged. */
  updates: z.array(updateStatusSchema).max(64),
  memory: z.strictObject({ totalKiB: z.number().int(), availableKiB: z.number().int(), agentRssKiB: z.number().int() }),
  addresses: z.array(z.string()).max(32),
  /** Milliseconds from kernel start to: init, agent started, online. */
  bootTimes: z.strictObject({
    init: z.number().nullable(),
    agent: z.number().nullable(),
    online: z.number().nullable(),
  }),
  /** Absent in reports of systems older than the field. */
  inventory: inventorySchema.optional(),
  /** Absent in reports of systems older than the field. */
  metrics: deviceMetricsSchema.optional(),
  /** Present while one app has the whole machine. */
  screen: screenStatusSchema.optional(),
  /** Present while a development session runs unsigned files in the place of an app. */
  development: z.strictObject({ app: appNameSchema }).optional(),
});
export type DeviceReport = z.infer<typeof deviceReportSchema>;

export const deviceEventsSchema = z.strictObject({
  events: z
    .array(
      z.strictObject({
        /** Device clock, milliseconds since 1970. */
        at: z.number().int(),
        kind: z.enum(['boot', 'enrolled', 'update', 'app', 'trial', 'rollback', 'error']),
        text: z.string().max(2000),
      }),
    )
    .max(200),
});
export type DeviceEvents = z.infer<typeof deviceEventsSchema>;
