import * as z from 'zod';
import { bootChainSchema, trialKindSchema } from './boot-chain.ts';
import { boardNameSchema, semverSchema, sha256Schema } from './validate.ts';

/** `manifest.json` in a slot: what this system release is and what its files must hash to. */
export const slotManifestSchema = z.strictObject({
  format: z.literal(1),
  board: boardNameSchema,
  version: semverSchema,
  /** Seconds since 1970; the floor of the device's clock. */
  buildTime: z.number().int().nonnegative(),
  /** Whose records say which slot boots, and how a release is tried (contracts/board.ts). */
  boot: z.strictObject({ chain: bootChainSchema, trial: trialKindSchema }),
  /** Complete kernel command line but the nodeos.disk, nodeos.slot and nodeos.trial words. */
  commandLine: z.string().max(1536),
  kernelRelease: z.string(),
  nodeVersion: z.string(),
  /** By path in the slot, without a leading slash: `kernel`, `rootfs.sqfs`, `overlays/spi.dtbo`, …; not this file itself. */
  files: z.record(z.string(), z.strictObject({ bytes: z.number().int().nonnegative(), sha256: sha256Schema })),
});
export type SlotManifest = z.infer<typeof slotManifestSchema>;

/** `/etc/nodeos/release.json` in the root: which system the agent runs in. */
export const systemReleaseSchema = slotManifestSchema.pick({
  board: true,
  version: true,
  buildTime: true,
  nodeVersion: true,
});
