import { createHash } from 'node:crypto';
import { Metadata, MetaFile, Signature, Snapshot, Timestamp } from '@tufjs/models';
import type { OnlineKey } from './online-keys.ts';

const SPECIFICATION_VERSION = '1.0.31';

/** The snapshot of one targets file (`text` is its exact content). */
export function makeSnapshot(version: number, expiresAt: number, targets: { version: number; text: string }): Snapshot {
  return new Snapshot({
    specVersion: SPECIFICATION_VERSION,
    version,
    expires: expiryText(expiresAt),
    meta: { 'targets.json': metaFile(targets) },
  });
}

/** The timestamp of one snapshot file (`text` is its exact content). */
export function makeTimestamp(
  version: number,
  expiresAt: number,
  snapshot: { version: number; text: string },
): Timestamp {
  return new Timestamp({
    specVersion: SPECIFICATION_VERSION,
    version,
    expires: expiryText(expiresAt),
    snapshotMeta: metaFile(snapshot),
  });
}

/** Signs with the canonical form and renders the file. */
export function signedText(signed: Snapshot | Timestamp, key: OnlineKey, keyId: string): string {
  const metadata = new Metadata(signed as Snapshot);
  metadata.sign((octets) => new Signature({ keyID: keyId, sig: key.sign(octets) }));
  return `${JSON.stringify(metadata.toJSON(), null, 1)}\n`;
}

function metaFile(file: { version: number; text: string }): MetaFile {
  const octets = Buffer.from(file.text);
  const sha256 = createHash('sha256').update(octets).digest('hex');
  return new MetaFile({ version: file.version, length: octets.length, hashes: { sha256 } });
}

/** TUF wants whole seconds in UTC. */
function expiryText(at: number): string {
  return new Date(at).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
