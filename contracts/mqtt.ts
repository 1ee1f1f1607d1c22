import * as z from 'zod';
import { appNameSchema } from './validate.ts';

/**
 * Topics below `nodeos/<device id>/`. The broker lets a device publish only to its own `presence`, `logs`, `repl/out`
 * and subscribe only to its own `tell`, `repl/in`.
 * A message is only a reason to ask the server: nothing in it is trusted.
 */
export const topics = {
  tell: (deviceId: string): string => `nodeos/${deviceId}/tell`,
  presence: (deviceId: string): string => `nodeos/${deviceId}/presence`,
  logs: (deviceId: string): string => `nodeos/${deviceId}/logs`,
  replIn: (deviceId: string): string => `nodeos/${deviceId}/repl/in`,
  replOut: (deviceId: string): string => `nodeos/${deviceId}/repl/out`,
};

/** Server → device. */
export const tellSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('desired-changed'),
    generation: z.number().int().nonnegative(),
    /** The device's own moment to ask, from now: many are told at once. Without it, at once. */
    afterMs: z.number().int().min(1).max(3_600_000).optional(),
  }),
  z.strictObject({ kind: z.literal('report-now') }),
  /** Streams log lines to `logs` for the given time; asked again to go on. */
  z.strictObject({
    kind: z.literal('logs'),
    app: appNameSchema.nullable(),
    seconds: z.number().int().min(1).max(3600),
    /** Lines of the past to send first. */
    backlog: z.number().int().min(0).max(1000),
  }),
  z.strictObject({ kind: z.literal('repl-open'), session: z.string().max(64), app: appNameSchema.nullable() }),
  /** Begins a development session (development.ts), whose messages go over `repl/in` and `repl/out`. */
  z.strictObject({
    kind: z.literal('development-open'),
    session: z.string().max(64),
    app: appNameSchema,
    /** The session that this one goes on with; refused where the device does not have it any more. */
    resume: z.string().max(64).nullable(),
  }),
  z.strictObject({ kind: z.literal('reboot') }),
  /** Shows which of many devices it is, for so long from now; asked again it goes on longer. */
  z.strictObject({ kind: z.literal('identify'), seconds: z.number().int().min(1).max(300) }),
  /** What the screen shows goes to POST /device/v1/screenshots/<request>. */
  z.strictObject({ kind: z.literal('screenshot'), request: z.string().regex(/^[0-9a-f]{32}$/) }),
  /** Makes the data partition anew where it does not mount; all on it is lost. Ignored where data is on the disk. */
  z.strictObject({ kind: z.literal('reformat-data') }),
]);
export type Tell = z.infer<typeof tellSchema>;

/** Device → server, retained; the last will publishes `{online:false}`. */
export const presenceSchema = z.strictObject({ online: z.boolean() });

/** Device → server: a batch of log lines. `source` is an app's name or `agent`. */
export const logBatchSchema = z.strictObject({
  lines: z
    .array(
      z.strictObject({
        at: z.number().int(),
        source: z.string().max(64),
        stream: z.enum(['stdout', 'stderr', 'agent']),
        text: z.string().max(8192),
      }),
    )
    .max(500),
});
export type LogBatch = z.infer<typeof logBatchSchema>;

/** Both directions of a REPL or development session. `end` closes it. */
export const replMessageSchema = z.strictObject({
  session: z.string().max(64),
  data: z.string().max(65_536),
  end: z.boolean(),
});
export type ReplMessage = z.infer<typeof replMessageSchema>;
