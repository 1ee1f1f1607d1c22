import { tmpdir } from 'node:os';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { compare, major } from 'semver';
import { z } from 'zod';
import type { BuildContext } from '../context.ts';
import type { DebianArchitecture } from './apt-root.ts';
import { findOffers } from './debian-packages.ts';
import { formatLock, type PinnedPackage, readLock, type SourceLock, writeLock } from './lock.ts';
import { runNpm } from './node-runtime.ts';

/** One line of what `nodeos sources update` did. */
export interface LockChange {
  /** `amd64/libc6` or `node`. */
  readonly name: string;
  readonly from: string | undefined;
  readonly to: string;
}

/** Packages to pin in addition to those that the lock file names, by architecture. */
export type AddedPackages = Partial<Record<DebianArchitecture, readonly string[]>>;

/**
 * Moves the lock file to the newest versions: Debian packages of the same name, Node of the same major version.
 * @returns what changed; the file is written only if something did
 * @throws NodeosError NETWORK_UNREACHABLE, NOT_FOUND (a package that Debian no longer has)
 */
export async function updateLock(context: BuildContext, added: AddedPackages = {}): Promise<LockChange[]> {
  const lock = await readLock();
  const changes: LockChange[] = [];
  const debian: SourceLock['debian'] = {};
  for (const architecture of Object.keys({ ...lock.debian, ...added }) as DebianArchitecture[]) {
    const pins: Record<string, PinnedPackage> = lock.debian[architecture] ?? {};
    const names = [...new Set([...Object.keys(pins), ...(added[architecture] ?? [])])];
    const updated: Record<string, PinnedPackage> = {};
    for (const { name, offers } of await findOffers(context, architecture, names, pins, true)) {
      const newest = offers[0];
      if (!newest) throw new NodeosError('NOT_FOUND', `Debian has no package ${name} for ${architecture}`);
      updated[name] = { version: newest.version, sha256: newest.sha256 };
      const from = pins[name]?.version;
      if (from !== newest.version) changes.push({ name: `${architecture}/${name}`, from, to: newest.version });
    }
    debian[architecture] = updated;
  }
  const node = await newestNode(context, lock.node);
  if (node.version !== lock.node.version) changes.push({ name: 'node', from: lock.node.version, to: node.version });
  const next: SourceLock = { debian, node };
  if (formatLock(next) !== formatLock(lock)) await writeLock(next);
  return changes;
}

/** The newest version that npm has for every architecture. */
async function newestNode(context: BuildContext, current: SourceLock['node']): Promise<SourceLock['node']> {
  const architectures = Object.keys(current.integrity) as (keyof typeof current.integrity)[];
  let common: string[] | undefined;
  for (const architecture of architectures) {
    const versions = await viewVersions(context, `node-linux-${architecture}`);
    const sameMajor = versions.filter((version) => major(version) === major(current.version));
    common = common ? common.filter((version) => sameMajor.includes(version)) : sameMajor;
  }
  const version = (common ?? []).sort(compare).at(-1);
  if (!version)
    throw new NodeosError('NOT_FOUND', `npm has no version of Node ${major(current.version)} for all architectures`);
  const integrity = { ...current.integrity };
  for (const architecture of architectures) {
    const name = `node-linux-${architecture}@${version}`;
    integrity[architecture] = z.string().parse(JSON.parse(await view(context, name, 'dist.integrity')));
  }
  return { version, integrity };
}

async function viewVersions(context: BuildContext, name: string): Promise<string[]> {
  return z.array(z.string().regex(/^\d+\.\d+\.\d+/)).parse(JSON.parse(await view(context, name, 'versions')));
}

function view(context: BuildContext, name: string, field: string): Promise<string> {
  return runNpm(context, ['view', name, field, '--json'], tmpdir(), name);
}
