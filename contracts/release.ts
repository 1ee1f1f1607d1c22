import * as z from 'zod';
import { appManifestSchema } from './app-manifest.ts';
import { slotManifestSchema } from './slot-manifest.ts';
import { semverSchema } from './validate.ts';

export const channelSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'is not a channel: lower-case letters, digits, dashes, at most 32, letter first');

const common = {
  notes: z.string().max(4000),
  /** A device whose system is older does not take the release. Absent: any system will do. */
  minimumSystem: semverSchema.optional(),
  /** The server gives the release only to devices that have a tag of this name. Absent: to all. */
  channel: channelSchema.optional(),
};

/** `custom` of a TUF target: everything a device trusts about a release. */
export const releaseCustomSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('app'), app: appManifestSchema, ...common }),
  z.strictObject({ kind: z.literal('system'), system: slotManifestSchema, ...common }),
]);
export type ReleaseCustom = z.infer<typeof releaseCustomSchema>;

/** TUF target path of an app bundle, e.g. `apps/hello/1.0.0/linux-x64-glibc.sqfs`. */
export function appTargetPath(name: string, version: string, abi: string): string {
  return `apps/${name}/${version}/${abi}.sqfs`;
}

/** TUF target path of a slot image, e.g. `systems/x86_64-usb/1.1.0/slot.img`. */
export function systemTargetPath(board: string, version: string): string {
  return `systems/${board}/${version}/slot.img`;
}

/** Path of a target below the repository's target URL with consistent snapshots: `<folders>/<sha256>.<file>`. */
export function consistentTargetPath(targetPath: string, sha256: string): string {
  const slash = targetPath.lastIndexOf('/');
  return `${targetPath.slice(0, slash + 1)}${sha256}.${targetPath.slice(slash + 1)}`;
}
