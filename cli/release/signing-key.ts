import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { Key, Signature } from '@tufjs/models';

/** An Ed25519 private key of the operator, as TUF metadata names it. */
export interface SigningKey {
  readonly publicKey: Key;
  sign(bytes: Buffer): Signature;
}

/** TUF key of 32 octets in hex; its id is the hash of its canonical form (TUF 1.0, 4.2). */
export function tufKey(publicHex: string): Key {
  const canonicalForm = `{"keytype":"ed25519","keyval":{"public":"${publicHex}"},"scheme":"ed25519"}`;
  const keyID = createHash('sha256').update(canonicalForm).digest('hex');
  return new Key({ keyID, keyType: 'ed25519', scheme: 'ed25519', keyVal: { public: publicHex } });
}

/** Makes a key and writes it for its owner only; @throws NodeosError KEY_EXISTS, FILE_UNREADABLE */
export async function createSigningKey(path: string): Promise<SigningKey> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const text = privateKey.export({ format: 'pem', type: 'pkcs8' });
  await writeFile(path, text, { flag: 'wx', mode: 0o600 }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EEXIST') throw new NodeosError('KEY_EXISTS', `${path} exists already`);
    throw new NodeosError('FILE_UNREADABLE', `${path} cannot be written: ${cause.message}`, { cause });
  });
  return signingKey(privateKey);
}

/** @throws NodeosError KEY_MISSING, INPUT_INVALID */
export async function readSigningKey(path: string): Promise<SigningKey> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new NodeosError('KEY_MISSING', `${path} cannot be read`, { cause });
  });
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch (cause) {
    throw new NodeosError('INPUT_INVALID', `${path} is not a private key in PEM form`, { cause });
  }
  if (key.asymmetricKeyType !== 'ed25519')
    throw new NodeosError('INPUT_INVALID', `${path} is a key of type ${key.asymmetricKeyType}, not Ed25519`);
  return signingKey(key);
}

function signingKey(privateKey: KeyObject): SigningKey {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  const publicKey = tufKey(Buffer.from(x as string, 'base64url').toString('hex'));
  return {
    publicKey,
    sign: (bytes) => new Signature({ keyID: publicKey.keyID, sig: sign(null, bytes, privateKey).toString('hex') }),
  };
}
