import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { writeFileAtomic } from '../atomic-file.ts';

export type OnlineRole = 'snapshot' | 'timestamp';

/** An Ed25519 key that the server holds; release and root keys never come near it. */
export interface OnlineKey {
  /** Public key, 32 octets in hex. */
  readonly publicHex: string;
  /** Signature in hex. */
  sign(octets: Uint8Array): string;
}

/** Reads `snapshot.pem` and `timestamp.pem` (PKCS#8, 0600) from the folder, or makes them. */
export async function openOnlineKeys(folder: string): Promise<Readonly<Record<OnlineRole, OnlineKey>>> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return Object.freeze({
    snapshot: onlineKey(await readOrMake(join(folder, 'snapshot.pem'))),
    timestamp: onlineKey(await readOrMake(join(folder, 'timestamp.pem'))),
  });
}

async function readOrMake(path: string): Promise<KeyObject> {
  try {
    const key = createPrivateKey(await readFile(path, 'utf8'));
    if (key.asymmetricKeyType !== 'ed25519') throw new Error('it is not an Ed25519 key');
    return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new NodeosError('FILE_UNREADABLE', `${path}: ${(error as Error).message}`, { cause: error });
  }
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeFileAtomic(path, privateKey.export({ format: 'pem', type: 'pkcs8' }), 0o600);
  return privateKey;
}

function onlineKey(privateKey: KeyObject): OnlineKey {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  return {
    publicHex: Buffer.from(x as string, 'base64url').toString('hex'),
    sign: (octets) => sign(null, octets, privateKey).toString('hex'),
  };
}
