import { readFile, rename, writeFile } from 'node:fs/promises';
import { parseJson, sha256Schema } from '@nodeos/contracts/validate.ts';
import { z } from 'zod';
import { assetPath } from '../assets.ts';

const debianVersionSchema = z.string().regex(/^(?:\d+:)?[0-9][0-9A-Za-z.+~-]*$/, 'is not a Debian version');
const packageNameSchema = z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'is not a Debian package name');

/** `firmware/sources/lock.json`: which bytes a build is made of. Addresses are the host's business and not in it. */
export const lockSchema = z.strictObject({
  /** Packages of Debian by architecture and name. */
  debian: z.partialRecord(
    z.enum(['amd64', 'i386', 'arm64', 'armhf', 'armel']),
    z.record(packageNameSchema, z.strictObject({ version: debianVersionSchema, sha256: sha256Schema })),
  ),
  /** The official Node binaries as packaged on npm, one version for all. */
  node: z.strictObject({
    version: z.string().regex(/^\d+\.\d+\.\d+$/),
    integrity: z.record(z.enum(['x64', 'arm64']), z.string().regex(/^sha512-[A-Za-z0-9+/]{86}==$/)),
  }),
});

export type SourceLock = z.infer<typeof lockSchema>;
export type PinnedPackage = { readonly version: string; readonly sha256: string };

export function lockPath(): string {
  return assetPath('firmware', 'sources', 'lock.json');
}

/** @throws NodeosError INPUT_INVALID for a damaged lock file */
export async function readLock(): Promise<SourceLock> {
  return parseJson(lockSchema, await readFile(lockPath(), 'utf8'), 'firmware/sources/lock.json');
}

/** Writes the lock file whole, with sorted keys. */
export async function writeLock(lock: SourceLock): Promise<void> {
  const temporary = `${lockPath()}.${process.pid}`;
  await writeFile(temporary, formatLock(lock));
  await rename(temporary, lockPath());
}

export function formatLock(lock: SourceLock): string {
  const debian = sortedEntries(lock.debian).map(([architecture, packages]) => [
    architecture,
    Object.fromEntries(sortedEntries(packages ?? {})),
  ]);
  return `${JSON.stringify({ debian: Object.fromEntries(debian), node: lock.node }, undefined, 2)}\n`;
}

function sortedEntries<T>(record: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}
