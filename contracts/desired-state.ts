import * as z from 'zod';
import { configurationsSchema } from './app-configuration.ts';
import { appNameSchema, semverSchema, sha256Schema } from './validate.ts';

/** A device that knows `force` says so when it asks; to the others it would be a field that they must refuse. */
export const FORCE_HEADER = 'nodeos-force';

const wantedReleaseSchema = z.strictObject({
  version: semverSchema,
  /** TUF target path; what it is and must hash to stands in the signed metadata only. */
  target: z
    .string()
    .regex(/^(apps|systems)\/[a-z0-9_.+/-]+$/i)
    .max(256),
  deployment: z.string().max(64).nullable(),
  /** `download`: fetched and verified, and not put in the place of what runs. Absent: it is to run. */
  apply: z.literal('download').optional(),
  /** Apps cannot hold it back; only for devices that ask for it (FORCE_HEADER). */
  force: z.literal(true).optional(),
});
export type WantedRelease = z.infer<typeof wantedReleaseSchema>;

/** What the server wants a device to run. An app that is not named is not touched unless `removeApps` names it. */
export const desiredStateSchema = z.strictObject({
  format: z.literal(1),
  /** Grows with every change for this device. */
  generation: z.number().int().nonnegative(),
  system: wantedReleaseSchema.nullable(),
  apps: z.record(appNameSchema, wantedReleaseSchema),
  removeApps: z.array(appNameSchema),
  /** What apps are configured with, by app; only for devices that ask for it (CONFIGURATIONS_HEADER). */
  configurations: configurationsSchema.optional(),
});
export type DesiredState = z.infer<typeof desiredStateSchema>;

/** What a device runs, as far as the planner must know. */
export interface CurrentState {
  readonly system: { readonly board: string; readonly version: string };
  /** A trial that runs now: the pointer names the other slot. */
  readonly trial: { readonly version: string } | null;
  readonly apps: Readonly<Record<string, { readonly version: string; readonly sha256: string }>>;
  /** Target paths that failed here, with the reason; not tried again until the desired deployment changes. */
  readonly failed: Readonly<Record<string, { readonly deployment: string | null; readonly reason: string }>>;
}

export const appStatusSchema = z.strictObject({
  version: semverSchema,
  sha256: sha256Schema,
  state: z.enum(['starting', 'running', 'backing-off', 'stopped']),
  restarts: z.number().int().nonnegative(),
  /** Why it was last restarted, one sentence. */
  reason: z.string().max(1000).nullable(),
});
export type AppStatus = z.infer<typeof appStatusSchema>;
