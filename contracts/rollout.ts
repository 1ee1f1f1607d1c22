import * as z from 'zod';

/** Name of a group. */
export const groupNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,47}$/, 'is not a name: lower-case letters, digits, dashes, at most 48');

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'is not a time of day such as 02:30');

/** When devices may be updated, in the local time of each; it spans midnight where `to` is not later than `from`. */
export const maintenanceWindowSchema = z.strictObject({
  /** Days on which it opens; empty for all. */
  days: z.array(z.enum(WEEKDAYS)).max(7),
  from: timeOfDay,
  to: timeOfDay,
});
export type MaintenanceWindow = z.infer<typeof maintenanceWindowSchema>;

/** How many devices have got the release at the end of a wave, those of the waves before it counted. */
export const waveSchema = z.union([
  z.strictObject({ percent: z.number().gt(0).max(100) }),
  z.strictObject({ devices: z.number().int().min(1) }),
]);
export type Wave = z.infer<typeof waveSchema>;

const SECONDS_MAX = 30 * 86_400;

/** How a release goes out. */
export const rolloutPolicySchema = z.strictObject({
  /** In order; a last wave with all devices follows by itself. Empty: all at once. */
  waves: z.array(waveSchema).max(20),
  /** How long a device must go on running the release before it counts as a success. */
  soakSeconds: z.number().int().min(0).max(SECONDS_MAX),
  /** Devices that may be under way at a time, null without limit. */
  maxConcurrent: z.number().int().min(1).nullable(),
  /** Devices that may begin within any minute, null without limit. */
  perMinute: z.number().int().min(1).nullable(),
  /** More failures than this share of a wave end the rollout; null: never. */
  maxFailurePercent: z.number().min(0).max(100).nullable(),
  /** So many ended devices of a wave are enough to judge the share before the wave has ended. */
  failureSample: z.number().int().min(1),
  onFailure: z.enum(['halt', 'turn-back']),
  /** Further attempts for a device that failed. */
  retries: z.number().int().min(0).max(10),
  /** How long a device that failed is left alone before the next attempt. */
  penaltySeconds: z.number().int().min(0).max(SECONDS_MAX),
  /**
   * A device that was told and does not end in this time has failed; one that could not be told no longer holds up its
   * wave. Null: all wait.
   */
  patienceSeconds: z.number().int().min(1).max(SECONDS_MAX).nullable(),
  /** `start`: nothing happens before it; `waves`: before each wave. */
  approval: z.enum(['none', 'start', 'waves']),
  window: maintenanceWindowSchema.nullable(),
  /** Also outside of windows, the deployment's and those of the devices' groups, and where apps hold updates back. */
  forced: z.boolean(),
  /** Devices fetch and verify, and go on running what they run. */
  downloadOnly: z.boolean(),
  /** Devices that run a newer version go back to this one; otherwise they are left out. */
  allowDowngrade: z.boolean(),
});
export type RolloutPolicy = z.infer<typeof rolloutPolicySchema>;

/** All devices at once, nothing stops it. */
export const PLAIN_ROLLOUT: RolloutPolicy = Object.freeze({
  waves: [],
  soakSeconds: 0,
  maxConcurrent: null,
  perMinute: null,
  maxFailurePercent: null,
  failureSample: 20,
  onFailure: 'turn-back',
  retries: 0,
  penaltySeconds: 600,
  patienceSeconds: null,
  approval: 'none',
  window: null,
  forced: false,
  downloadOnly: false,
  allowDowngrade: false,
});
