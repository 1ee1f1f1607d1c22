import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openOnlineKeys } from '@nodeos/ota-server/src/tuf/online-keys.ts';
import { makeSnapshot, makeTimestamp, signedText } from '@nodeos/ota-server/src/tuf/online-metadata.ts';
import { Metadata, MetadataKind, TargetFile, Targets } from '@tufjs/models';
import { readRoot } from '../release/key-folder.ts';
import { parseTargets } from '../release/metadata.ts';
import { createSigningKey, type SigningKey } from '../release/signing-key.ts';
import type { ServerFolders } from './steps/start-fleet.ts';

const DAY_MS = 86_400_000;

/** Changes one byte in the middle of a published file, behind the server's back. */
export async function tamperWithBlob(folders: ServerFolders, sha256: string): Promise<void> {
  const file = await open(join(folders.blobs, sha256.slice(0, 2), sha256), 'r+');
  try {
    const middle = Math.floor((await file.stat()).size / 2);
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, middle);
    byte.writeUInt8(byte.readUInt8() ^ 1);
    await file.write(byte, 0, 1, middle);
  } finally {
    await file.close();
  }
}

/**
 * What somebody can do who has the whole server: names other bytes for a published target, signs that with a key of
 * their own, and everything above it with the server's own online keys.
 * @param keyPath where the thief's key is written
 */
export async function replaceRelease(
  folders: ServerFolders,
  target: string,
  replacement: { readonly bytes: number; readonly sha256: string },
  keyPath: string,
): Promise<void> {
  const read = (name: string): Promise<string> => readFile(join(folders.metadata, name), 'utf8');
  const timestamp = Metadata.fromJSON(MetadataKind.Timestamp, JSON.parse(await read('timestamp.json'))).signed;
  const snapshotName = `${timestamp.snapshotMeta.version}.snapshot.json`;
  const snapshot = Metadata.fromJSON(MetadataKind.Snapshot, JSON.parse(await read(snapshotName))).signed;
  const targetsName = `${snapshot.meta['targets.json']?.version}.targets.json`;
  const targets = Metadata.fromJSON(MetadataKind.Targets, JSON.parse(await read(targetsName))).signed;
  const root = Metadata.fromJSON(MetadataKind.Root, JSON.parse(await read('1.root.json'))).signed;

  const known = targets.targets[target] as TargetFile;
  const forged = nextTargets(targets, {
    ...targets.targets,
    [target]: new TargetFile({
      path: target,
      length: replacement.bytes,
      hashes: { sha256: replacement.sha256 },
      unrecognizedFields: { custom: JSON.parse(JSON.stringify(known.custom)) },
    }),
  });
  const text = signTargets(forged, await createSigningKey(keyPath));
  await writeFile(join(folders.metadata, `${forged.version}.targets.json`), text);

  const keys = await openOnlineKeys(folders.onlineKeys);
  const keyId = (role: 'snapshot' | 'timestamp'): string => root.roles[role]?.keyIDs[0] ?? '';
  const version = timestamp.snapshotMeta.version + 1;
  const expires = Date.now() + DAY_MS;
  const newSnapshot = makeSnapshot(version, expires, { version: forged.version, text });
  const snapshotText = signedText(newSnapshot, keys.snapshot, keyId('snapshot'));
  await writeFile(join(folders.metadata, `${version}.snapshot.json`), snapshotText);
  const newTimestamp = makeTimestamp(timestamp.version + 1, expires, { version, text: snapshotText });
  await writeFile(
    join(folders.metadata, 'timestamp.json'),
    signedText(newTimestamp, keys.timestamp, keyId('timestamp')),
  );
}

/**
 * The owner's answer to such a theft: the last list that the release key signed, signed again with a higher version.
 * @returns targets.json for the server
 */
export async function restoreTargets(trusted: string, keysFolder: string, release: SigningKey): Promise<unknown> {
  const { signed } = parseTargets(trusted, await readRoot(keysFolder), 'the last targets.json');
  const restored = nextTargets(signed, signed.targets, 2);
  return JSON.parse(signTargets(restored, release));
}

function nextTargets(current: Targets, targets: Record<string, TargetFile>, step = 1): Targets {
  const { specVersion, expires } = current;
  return new Targets({ version: current.version + step, specVersion, expires, targets });
}

function signTargets(targets: Targets, key: SigningKey): string {
  const metadata = new Metadata(targets);
  metadata.sign(key.sign);
  return JSON.stringify(metadata.toJSON());
}
