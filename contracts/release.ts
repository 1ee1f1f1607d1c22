import * as z from 'zod';
import { appManifestSchema } from './app-manifest.ts';
import { slotManifestSchema } from './slot-manifest.ts';

/** `custom` of a TUF target: everything a device trusts about a release. */
export const releaseCustomSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('app'), app: appManifestSchema, notes: z.string().max(4000) }),
  z.strictObject({ kind: z.literal('system'), system: slotManifestSchema, notes: z.string().max(4000) }),
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
