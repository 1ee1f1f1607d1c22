import * as z from 'zod';
import { appNameSchema, semverSchema } from './validate.ts';

export const environmentSchema = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().max(4096));
export const portSchema = z.number().int().min(1).max(65535);

const PORT_TEXT = /^([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])$/;
/** TCP port that the device opens → port of the app on the loopback. */
export const forwardSchema = z
  .record(z.string().regex(PORT_TEXT, 'is not a port'), portSchema)
  .refine((forward) => Object.keys(forward).length <= 16, 'names more than 16 ports');

const commandSchema = z.array(z.string().min(1).max(1024)).min(1).max(32);
/** Version of the data that `up` makes and `down` undoes → the two commands, run as the app's user. */
export const migrationsSchema = z.record(
  z.string().regex(/^[1-9]\d{0,4}$/),
  z.strictObject({ up: commandSchema, down: commandSchema }),
);

/** What the device needs to know to run a bundle; travels in the signed metadata. */
export const appManifestSchema = z.strictObject({
  format: z.literal(1),
  name: appNameSchema,
  version: semverSchema,
  description: z.string().max(500),
  start: z.array(z.string().min(1)).min(1),
  env: environmentSchema,
  ports: z.array(portSchema).max(16),
  devices: z.array(z.string()),
  network: z.enum(['host', 'none']),
  memoryMiB: z.number().int().min(16),
  /** What its user may fill of the data partition; without it the device's default share. */
  diskMiB: z.number().int().min(1).optional(),
  probe: z.string().nullable(),
  soakMs: z.number().int().min(0),
  swap: z.enum(['overlap', 'stop-first']),
  stopGraceMs: z.number().int().min(0),
  /** Milliseconds until it must listen or be healthy; without it DEVICE_LIMITS.appStartTimeoutMs. */
  startMs: z.number().int().min(0).optional(),
  /** The device's proxy leads to the first port. */
  web: z.literal(true).optional(),
  /** Ports that the device opens for the app; without it none. */
  forward: forwardSchema.optional(),
  /** User whose home the app has; without it the app's own name. */
  user: appNameSchema.optional(),
  /** Apps that must run before this one is started. */
  dependsOn: z.array(appNameSchema).max(16).optional(),
  /** Milliseconds for which the app may hold back its own updates; without it none. */
  holdUpdatesMs: z.number().int().min(0).optional(),
  /** Version of the data in the home, with a migration for each version from 2 on; without it 1. */
  data: z.strictObject({ version: z.number().int().min(1), migrations: migrationsSchema }).optional(),
  /** The app has the whole machine, and its screen; without it false. */
  kiosk: z.literal(true).optional(),
  /** `any` for pure JavaScript, else e.g. `linux-x64-glibc`. */
  abi: z.string(),
});
export type AppManifest = z.infer<typeof appManifestSchema>;
