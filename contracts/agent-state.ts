import * as z from 'zod';
import { appManifestSchema } from './app-manifest.ts';
import { updateStatusSchema } from './device-api.ts';
import { appNameSchema, semverSchema, sha256Schema } from './validate.ts';

// Loose throughout: a newer system on trial may have written more, and the old one must not forget its apps over it.
const installedAppSchema = z.looseObject({
  manifest: z.looseObject(appManifestSchema.shape),
  target: z.string(),
  sha256: sha256Schema,
  deployment: z.string().nullable(),
});

const systemReleaseSchema = z.looseObject({
  version: semverSchema,
  target: z.string(),
  deployment: z.string().nullable(),
});

/** `state.json`: what this device runs, what is under way, what failed. All that an update must not forget. */
export const agentStateSchema = z.looseObject({
  format: z.literal(1),
  /** Active apps by name. */
  apps: z.record(appNameSchema, installedAppSchema),
  /** An app version whose activation has begun; `tries` counts the beginnings. */
  candidate: installedAppSchema.extend({ tries: z.number().int().min(1) }).nullable(),
  /** The system release that the pointer's slot holds, null where it came with the image. */
  system: systemReleaseSchema.nullable(),
  systemTrial: systemReleaseSchema
    .extend({
      slot: z.enum(['a', 'b']),
      /** The old system reached the server; if not, the new one need not. */
      serverWasReachable: z.boolean(),
      /** Apps that did not run in the old system; they need not run in the new one. */
      appsDown: z.array(z.string()),
      /** Boot in which the trial was prepared (the kernel's boot_id). */
      preparedInBoot: z.string(),
      /** Trials of this release for this deployment, this one counted. */
      tries: z.number().int().min(1).default(1),
    })
    .nullable(),
  /** A release whose last trial ended without a word. */
  cutShort: z
    .looseObject({ target: z.string(), deployment: z.string().nullable(), tries: z.number().int().min(1) })
    .nullable()
    .default(null),
  /** Targets that failed here, by target path. */
  failed: z.record(z.string(), z.looseObject({ deployment: z.string().nullable(), reason: z.string() })),
  /** Ended updates that the server has not acknowledged, oldest first. */
  ended: z.array(updateStatusSchema),
});
export type AgentState = z.infer<typeof agentStateSchema>;
export type InstalledAppState = z.infer<typeof installedAppSchema>;

/** Of a device that runs what its image brought and nothing else. */
export const FRESH_AGENT_STATE: AgentState = {
  format: 1,
  apps: {},
  candidate: null,
  system: null,
  systemTrial: null,
  cutShort: null,
  failed: {},
  ended: [],
};
