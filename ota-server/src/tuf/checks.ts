import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import { appTargetPath, type ReleaseCustom, releaseCustomSchema, systemTargetPath } from '@nodeos/contracts/release.ts';
import { sha256Schema, validate } from '@nodeos/contracts/validate.ts';
import { Metadata, MetadataKind, type Root, type Snapshot, type TargetFile, type Targets } from '@tufjs/models';
import { isSoundEd25519Key } from './ed25519-points.ts';
import type { OnlineKey, OnlineRole } from './online-keys.ts';

/** A release as the signed metadata tells it. */
export interface SignedTarget {
  readonly target: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly custom: ReleaseCustom;
}

/** Pure checks of what an operator uploads; clause numbers are of the TUF specification 1.0.31. */
export function parseRoot(text: string): Metadata<Root> {
  const root = parseMetadata(text, 'root.json', (data) => Metadata.fromJSON(MetadataKind.Root, data));
  checkVersion(root.signed.version, 'root.json');
  if (!root.signed.consistentSnapshot) throw invalid('root.json', 'consistent_snapshot must be true');
  const seen = new Set<string>();
  for (const key of Object.values(root.signed.keys)) {
    const value = key.keyVal.public ?? '';
    if (key.keyType !== 'ed25519' || key.scheme !== 'ed25519' || !isSoundEd25519Key(value))
      throw invalid('root.json', `key ${key.keyID} is not a sound Ed25519 key`);
    // One key under two identifiers would count twice towards a threshold.
    if (seen.has(value.toLowerCase())) throw invalid('root.json', `key ${key.keyID} stands there twice`);
    seen.add(value.toLowerCase());
  }
  for (const [name, role] of Object.entries(root.signed.roles)) {
    const known = new Set(role.keyIDs.filter((id) => root.signed.keys[id] !== undefined));
    if (!Number.isInteger(role.threshold) || role.threshold < 1 || role.threshold > known.size)
      throw invalid('root.json', `role ${name} needs ${role.threshold} of ${known.size} keys`);
  }
  return root;
}

/** 5.3: signed by itself, and by the root before it; its version is the next one. */
export function checkRootChain(root: Metadata<Root>, previous: Metadata<Root> | null): void {
  if (previous !== null) {
    if (root.signed.version !== previous.signed.version + 1)
      throw new NodeosError(
        'METADATA_STALE',
        `root.json has version ${root.signed.version}, the next one is ${previous.signed.version + 1}`,
      );
    checkSigned(previous, root, 'root', 'root.json, judged by the root before it,');
  } else if (root.signed.version !== 1) {
    throw new NodeosError('METADATA_STALE', `root.json has version ${root.signed.version}, the first one must be 1`);
  }
  checkSigned(root, root, 'root', 'root.json');
}

/** The root must name the online keys of this server, else it could sign nothing. Gives the key identifiers. */
export function onlineKeyIds(root: Root, keys: Readonly<Record<OnlineRole, OnlineKey>>): Record<OnlineRole, string> {
  const find = (role: OnlineRole): string => {
    const id = root.roles[role]?.keyIDs.find(
      (keyId) => root.keys[keyId]?.keyVal.public?.toLowerCase() === keys[role].publicHex,
    );
    if (id === undefined || root.roles[role]?.threshold !== 1)
      throw new NodeosError('METADATA_INVALID', `root.json does not give the ${role} role to this server's key alone`, {
        hint: 'Make the root with `nodeos keys init` for this server: it asks the server for its online keys.',
      });
    return id;
  };
  return { snapshot: find('snapshot'), timestamp: find('timestamp') };
}

export function parseTargets(text: string): Metadata<Targets> {
  const targets = parseMetadata(text, 'targets.json', (data) => Metadata.fromJSON(MetadataKind.Targets, data));
  checkVersion(targets.signed.version, 'targets.json');
  if (targets.signed.delegations !== undefined) throw invalid('targets.json', 'delegations are not used here');
  return targets;
}

/** @throws NodeosError SIGNATURE_INVALID where fewer keys of the role signed than its threshold asks */
export function checkSigned(
  root: Metadata<Root>,
  metadata: Metadata<Root | Targets | Snapshot>,
  role: string,
  what: string,
): void {
  try {
    root.verifyDelegate(role, metadata);
  } catch (cause) {
    throw new NodeosError('SIGNATURE_INVALID', `${what} is not signed by enough keys: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** What a target is, with its path and its description agreeing. @throws NodeosError METADATA_INVALID */
export function readTarget(file: TargetFile): SignedTarget {
  const what = `target ${file.path}`;
  try {
    const sha256 = validate(sha256Schema, file.hashes.sha256, `${what}: sha256`);
    const custom = validate(releaseCustomSchema, file.custom, `${what}: custom`);
    if (!Number.isSafeInteger(file.length)) throw invalid(what, 'its length is not a whole number');
    const expected =
      custom.kind === 'app'
        ? appTargetPath(custom.app.name, custom.app.version, custom.app.abi)
        : systemTargetPath(custom.system.board, custom.system.version);
    if (file.path !== expected) throw invalid(what, `its description belongs to ${expected}`);
    return { target: file.path, bytes: file.length, sha256, custom };
  } catch (error) {
    if (isNodeosError(error) && error.code === 'INPUT_INVALID') throw invalid(what, error.message, error);
    throw error;
  }
}

/** @throws NodeosError METADATA_EXPIRED */
export function checkNotExpired(metadata: Metadata<Root | Targets>, now: number, what: string): void {
  if (metadata.signed.isExpired(new Date(now)))
    throw new NodeosError('METADATA_EXPIRED', `${what} expired at ${metadata.signed.expires}`, {
      hint: 'Sign it again with a later expiry; check the clock of this machine and of the server.',
    });
}

/** Parses metadata text into its class; @throws NodeosError INPUT_INVALID, METADATA_INVALID */
export function parseMetadata<T>(text: string, what: string, read: (data: never) => T): T {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (cause) {
    throw new NodeosError('INPUT_INVALID', `${what} is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof data !== 'object' || data === null) throw new NodeosError('INPUT_INVALID', `${what} is not a JSON object`);
  try {
    return read(data as never);
  } catch (cause) {
    throw invalid(what, (cause as Error).message, cause);
  }
}

function checkVersion(version: number, what: string): void {
  if (!Number.isSafeInteger(version) || version < 1)
    throw invalid(what, `version ${version} is not a positive whole number`);
}

function invalid(what: string, problem: string, cause?: unknown): NodeosError {
  return new NodeosError('METADATA_INVALID', `${what}: ${problem}`, { cause });
}
