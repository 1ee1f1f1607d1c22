import * as z from 'zod';
import { appNameSchema, semverSchema } from './validate.ts';

const environmentSchema = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().max(4096));
const portSchema = z.number().int().min(1).max(65535);

/** `nodeos` in an app's package.json. All of it is optional. */
export const appSettingsSchema = z.strictObject({
  /** Command line without a shell; default: `node <main of bin or start script>`. */
  start: z.array(z.string().min(1)).min(1).optional(),
  env: environmentSchema.optional(),
  /** TCP ports the app listens on; the first is given to it as PORT. */
  ports: z.array(portSchema).max(16).optional(),
  /** Kinds of device nodes or absolute paths below /dev. */
  devices: z.array(z.string()).optional(),
  network: z.enum(['host', 'none']).optional(),
  memoryMiB: z.number().int().min(16).max(65536).optional(),
  /** HTTP path on the first port that answers 2xx when the app is healthy. */
  probe: z.string().startsWith('/').max(256).optional(),
  /** Milliseconds the app must stay healthy before an update is confirmed. */
  soakMs: z.number().int().min(0).max(86_400_000).optional(),
  /** `overlap`: the new version starts while the old still serves and waits to listen; `stop-first`: never two at once. */
  swap: z.enum(['overlap', 'stop-first']).optional(),
  /** Milliseconds between SIGTERM and SIGKILL. */
  stopGraceMs: z.number().int().min(0).max(60_000).optional(),
});
export type AppSettings = z.infer<typeof appSettingsSchema>;

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
  probe: z.string().nullable(),
  soakMs: z.number().int().min(0),
  swap: z.enum(['overlap', 'stop-first']),
  stopGraceMs: z.number().int().min(0),
  /** `any` for pure JavaScript, else e.g. `linux-x64-glibc`. */
  abi: z.string(),
});
export type AppManifest = z.infer<typeof appManifestSchema>;
