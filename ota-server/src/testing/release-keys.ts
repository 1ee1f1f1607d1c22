import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { Readable } from 'node:stream';
import { appManifest } from '@nodeos/contracts/app-manifest.testing.ts';
import { appTargetPath } from '@nodeos/contracts/release.ts';
import { Metadata, Root, Signature, TargetFile, Targets } from '@tufjs/models';
import type { Blobs } from '../blobs/blobs.ts';

export interface ReleaseKey {
  readonly id: string;
  readonly publicHex: string;
  readonly privateKey: KeyObject;
}

export function makeReleaseKey(): ReleaseKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const publicHex = Buffer.from(publicKey.export({ format: 'jwk' }).x as string, 'base64url').toString('hex');
  return { id: createHash('sha256').update(publicHex).digest('hex'), publicHex, privateKey };
}

export interface RootParts {
  readonly version?: number;
  readonly expires?: string;
  readonly rootKeys: readonly ReleaseKey[];
  readonly rootThreshold?: number;
  readonly targetsKeys: readonly ReleaseKey[];
  readonly targetsThreshold?: number;
  readonly online: { readonly snapshot: string; readonly timestamp: string };
  readonly signers?: readonly ReleaseKey[];
}

/** Root metadata as `nodeos keys init` makes it. */
export function makeRoot(parts: RootParts): string {
  const keys: Record<string, object> = {};
  const add = (id: string, publicHex: string): string => {
    keys[id] = { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: publicHex } };
    return id;
  };
  const role = (ids: string[], threshold = 1): object => ({ keyids: ids, threshold });
  const roles = {
    root: role(
      parts.rootKeys.map((key) => add(key.id, key.publicHex)),
      parts.rootThreshold,
    ),
    targets: role(
      parts.targetsKeys.map((key) => add(key.id, key.publicHex)),
      parts.targetsThreshold,
    ),
    snapshot: role([add(`snapshot-${parts.online.snapshot.slice(0, 8)}`, parts.online.snapshot)]),
    timestamp: role([add(`timestamp-${parts.online.timestamp.slice(0, 8)}`, parts.online.timestamp)]),
  };
  const root = Root.fromJSON({
    _type: 'root',
    spec_version: '1.0.31',
    version: parts.version ?? 1,
    expires: parts.expires ?? '2046-01-01T00:00:00Z',
    keys,
    roles,
    consistent_snapshot: true,
  } as never);
  return signText(new Metadata(root), parts.signers ?? parts.rootKeys);
}

export interface TargetParts {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly custom: unknown;
}

export function makeTargets(
  version: number,
  targets: readonly TargetParts[],
  signers: readonly ReleaseKey[],
  expires = '2046-01-01T00:00:00Z',
): string {
  const files = targets.map(
    (target) =>
      new TargetFile({
        path: target.path,
        length: target.bytes,
        hashes: { sha256: target.sha256 },
        unrecognizedFields: { custom: target.custom as never },
      }),
  );
  const signed = new Targets({ specVersion: '1.0.31', version, expires });
  for (const file of files) signed.addTarget(file);
  return signText(new Metadata(signed), signers);
}

function signText(metadata: Metadata<Root> | Metadata<Targets>, signers: readonly ReleaseKey[]): string {
  for (const key of signers)
    (metadata as Metadata<Root>).sign(
      (octets) => new Signature({ keyID: key.id, sig: sign(null, octets, key.privateKey).toString('hex') }),
    );
  return JSON.stringify(metadata.toJSON());
}

/** An app target with these octets; they are stored where blobs are given. */
export async function appTarget(name: string, version: string, octets: string, blobs?: Blobs): Promise<TargetParts> {
  const sha256 = createHash('sha256').update(octets).digest('hex');
  await blobs?.put(sha256, Readable.from([Buffer.from(octets)]));
  return {
    path: appTargetPath(name, version, 'any'),
    bytes: Buffer.byteLength(octets),
    sha256,
    custom: { kind: 'app', app: appManifest(version, { name }), notes: '' },
  };
}

export function systemTarget(board: string, version: string, octets: string): TargetParts {
  return {
    path: `systems/${board}/${version}/slot.img`,
    bytes: Buffer.byteLength(octets),
    sha256: createHash('sha256').update(octets).digest('hex'),
    custom: {
      kind: 'system',
      system: {
        format: 1,
        board,
        version,
        buildTime: 1,
        boot: { chain: 'grub', trial: 'kexec' },
        commandLine: '',
        kernelRelease: '6.12.0',
        nodeVersion: '24.21.0',
        files: {},
      },
      notes: '',
    },
  };
}
