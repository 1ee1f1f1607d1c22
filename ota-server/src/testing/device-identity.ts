import { createPrivateKey, generateKeyPairSync, type KeyObject, webcrypto } from 'node:crypto';
import 'reflect-metadata/lite';
import { cryptoProvider, Pkcs10CertificateRequestGenerator } from '@peculiar/x509';

cryptoProvider.set(webcrypto as never);

export interface DeviceKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export async function makeDeviceKey(): Promise<DeviceKey> {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** PKCS#10 request as a device makes it, PEM. */
export async function makeRequest(key: DeviceKey): Promise<string> {
  const type = key.privateKey.asymmetricKeyType;
  const algorithm =
    type === 'ed25519'
      ? { name: 'Ed25519' }
      : type === 'rsa'
        ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
        : { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const { subtle } = webcrypto;
  const keys = {
    privateKey: await subtle.importKey(
      'pkcs8',
      key.privateKey.export({ format: 'der', type: 'pkcs8' }),
      algorithm,
      true,
      ['sign'],
    ),
    publicKey: await subtle.importKey('spki', key.publicKey.export({ format: 'der', type: 'spki' }), algorithm, true, [
      'verify',
    ]),
  } as webcrypto.CryptoKeyPair;
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=device',
    keys,
    signingAlgorithm: algorithm,
  });
  return `${request.toString('pem')}\n`;
}

export function privatePem(key: DeviceKey): string {
  return createPrivateKey({
    key: key.privateKey.export({ format: 'der', type: 'pkcs8' }),
    format: 'der',
    type: 'pkcs8',
  })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}
