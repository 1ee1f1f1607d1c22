import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type ReleaseCustom, releaseCustomSchema } from '@nodeos/contracts/release.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { Metadata, MetadataKind, Root, TargetFile, Targets } from '@tufjs/models';
import { type SigningKey, tufKey } from './signing-key.ts';

const SPECIFICATION = '1.0.31';
const ROOT_YEARS = 10;
const TARGETS_YEARS = 1;

export interface RootKeys {
  readonly root: SigningKey;
  readonly targets: SigningKey;
  /** The server's public keys, 32 octets in hex each. */
  readonly online: { readonly snapshot: string; readonly timestamp: string };
}

/** Version 1 of root.json: which key may sign what. Signed by the root key. */
export function createRoot(keys: RootKeys, now: Date): Metadata<Root> {
  const named = {
    root: keys.root.publicKey,
    targets: keys.targets.publicKey,
    snapshot: tufKey(keys.online.snapshot),
    timestamp: tufKey(keys.online.timestamp),
  };
  const root = Root.fromJSON({
    _type: 'root',
    version: 1,
    spec_version: SPECIFICATION,
    expires: inYears(now, ROOT_YEARS),
    consistent_snapshot: true,
    keys: Object.fromEntries(Object.values(named).map((key) => [key.keyID, key.toJSON()])),
    roles: Object.fromEntries(
      Object.entries(named).map(([role, key]) => [role, { keyids: [key.keyID], threshold: 1 }]),
    ),
  });
  const metadata = new Metadata(root);
  metadata.sign(keys.root.sign);
  return metadata;
}

export interface NewTarget {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly custom: ReleaseCustom;
}

/** Reads root.json; @throws NodeosError METADATA_INVALID where it is malformed or not signed by its own keys */
export function parseRoot(text: string, where: string): Metadata<Root> {
  try {
    const metadata = Metadata.fromJSON(MetadataKind.Root, JSON.parse(text));
    metadata.verifyDelegate('root', metadata);
    return metadata;
  } catch (cause) {
    throw new NodeosError('METADATA_INVALID', `${where}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Reads the server's targets.json. Only a list that the release key has signed before may be signed again: else the
 * server could slip in targets of its own.
 * @throws NodeosError METADATA_INVALID, SIGNATURE_INVALID
 */
export function parseTargets(text: string, root: Metadata<Root>, where: string): Metadata<Targets> {
  let metadata: Metadata<Targets>;
  try {
    metadata = Metadata.fromJSON(MetadataKind.Targets, JSON.parse(text));
  } catch (cause) {
    throw new NodeosError('METADATA_INVALID', `${where}: ${(cause as Error).message}`, { cause });
  }
  try {
    root.verifyDelegate('targets', metadata);
  } catch (cause) {
    throw new NodeosError('SIGNATURE_INVALID', `${where} is not signed by a release key of root.json`, { cause });
  }
  return metadata;
}

/**
 * The next targets.json with one more target, signed.
 * @param current the newest published list, null before the first release
 * @returns null where exactly this target is published already
 * @throws NodeosError RELEASE_EXISTS where the path is taken by other bytes; SIGNATURE_INVALID for a key that the root
 *   does not name
 */
export function addTarget(
  current: Metadata<Targets> | null,
  added: NewTarget,
  root: Metadata<Root>,
  key: SigningKey,
  now: Date,
): Metadata<Targets> | null {
  requireNamed(root, key);
  const existing = current?.signed.targets[added.path];
  if (existing?.hashes.sha256 === added.sha256) return null;
  if (existing)
    throw new NodeosError(
      'RELEASE_EXISTS',
      `${added.path} is published with other bytes (sha256 ${existing.hashes.sha256?.slice(0, 16)}…)`,
    );
  const target = new TargetFile({
    path: added.path,
    length: added.bytes,
    hashes: { sha256: added.sha256 },
    unrecognizedFields: { custom: JSON.parse(JSON.stringify(added.custom)) },
  });
  return signNext(current, target, key, now);
}

/**
 * The next targets.json, in which a release is of another channel, signed.
 * @param channel null: for all devices
 * @returns null where it is of this channel already
 * @throws NodeosError RELEASE_UNKNOWN, SIGNATURE_INVALID as addTarget
 */
export function moveTarget(
  current: Metadata<Targets>,
  path: string,
  channel: string | null,
  root: Metadata<Root>,
  key: SigningKey,
  now: Date,
): Metadata<Targets> | null {
  requireNamed(root, key);
  const existing = current.signed.targets[path];
  if (existing === undefined) throw new NodeosError('RELEASE_UNKNOWN', `${path} is not published`);
  const { channel: was, ...custom } = validate(releaseCustomSchema, existing.custom, `targets.json: ${path}`);
  if ((was ?? null) === channel) return null;
  const target = new TargetFile({
    path,
    length: existing.length,
    hashes: existing.hashes,
    unrecognizedFields: { custom: channel === null ? custom : { ...custom, channel } },
  });
  return signNext(current, target, key, now);
}

function requireNamed(root: Metadata<Root>, key: SigningKey): void {
  const { keyID } = key.publicKey;
  if (!root.signed.roles.targets?.keyIDs.includes(keyID))
    throw new NodeosError('SIGNATURE_INVALID', `the release key ${keyID.slice(0, 16)} is not one that root.json names`);
}

function signNext(
  current: Metadata<Targets> | null,
  target: TargetFile,
  key: SigningKey,
  now: Date,
): Metadata<Targets> {
  const targets = new Targets({
    version: (current?.signed.version ?? 0) + 1,
    specVersion: SPECIFICATION,
    expires: inYears(now, TARGETS_YEARS),
    targets: { ...current?.signed.targets, [target.path]: target },
  });
  const metadata = new Metadata(targets);
  metadata.sign(key.sign);
  return metadata;
}

/** Date in whole seconds, as TUF writes it. */
function inYears(now: Date, years: number): string {
  const then = new Date(now);
  then.setUTCFullYear(then.getUTCFullYear() + years);
  return then.toISOString().replace(/\.\d+Z$/, 'Z');
}
