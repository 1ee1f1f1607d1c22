import 'reflect-metadata/lite';
import { createHash, createPrivateKey, createPublicKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { writeFileAtomic } from './atomic-file.ts';
import { BROKER_USER } from './broker/mosquitto.ts';

cryptoProvider.set(webcrypto as never);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** A device without a battery clock starts at its build time: no certificate may look "not yet valid" to it. */
const NOT_BEFORE = new Date('2024-01-01T00:00:00Z');
const YEAR_MS = 365 * 86_400_000;
const LIFETIME_MS = { authority: 20 * YEAR_MS, server: 2 * YEAR_MS, device: 10 * YEAR_MS } as const;
const RENEW_BEFORE_MS = { server: LIFETIME_MS.server / 3, device: LIFETIME_MS.device / 3 } as const;

export interface KeyAndCertificate {
  readonly key: string;
  readonly cert: string;
}
export interface BrokerClient extends KeyAndCertificate {
  /** PEM of an authority for servers alone, so that no device's certificate can pass for one. */
  readonly authority: string;
}
export interface CertificateRequest {
  /** First 16 hex digits of the SHA-256 of the public key. */
  readonly deviceId: string;
  /** SubjectPublicKeyInfo, base64. */
  readonly publicKey: string;
}

/** The server's own certificate authority: it signs the server's certificate and the devices'. */
export interface Authority {
  /** PEM of the authority's certificate. */
  readonly certificate: string;
  /** The server's certificate for these names; made anew where the names changed or a third of its lifetime is left. */
  serverCertificate(names: readonly string[]): Promise<KeyAndCertificate>;
  /** The same for a broker that devices connect to, to be given to its operator. */
  brokerCertificate(names: readonly string[]): Promise<KeyAndCertificate>;
  /** By which servers are known to that broker. */
  brokerClient(): Promise<BrokerClient>;
  /** Checks that the request is signed by the key in it; @throws NodeosError INPUT_INVALID */
  readRequest(csr: string): Promise<CertificateRequest>;
  /** Client certificate with the device id as CN, PEM. */
  issueDevice(request: CertificateRequest): Promise<string>;
  /** True for a device certificate that should be replaced soon. */
  nearExpiry(certificate: string): boolean;
}

/** Device id of a public key (SubjectPublicKeyInfo, DER). */
export function deviceIdOf(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKey).digest('hex').slice(0, 16);
}

/** Opens the authority in `<folder>`, or makes it: `ca-key.pem` and `ca.pem`, `server-key.pem` and `server.pem`. */
export async function openAuthority(folder: string): Promise<Authority> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const own = (await readPair(folder, 'ca')) ?? (await makeAuthority(folder));
  const signingKey = await importKey(own.key);
  const issuer = new X509Certificate(own.cert);
  const identifier = await AuthorityKeyIdentifierExtension.create(await publicKeyOf(own.key));

  const issue = async (
    publicKey: webcrypto.CryptoKey | PublicKey,
    name: string,
    lifetimeMs: number,
    extensions: Extension[],
  ) => {
    const certificate = await X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: name,
      issuer: 'CN=NodeOS fleet authority',
      notBefore: NOT_BEFORE,
      notAfter: new Date(Date.now() + lifetimeMs),
      publicKey,
      signingKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        identifier,
        await SubjectKeyIdentifierExtension.create(publicKey),
        ...extensions,
      ],
    });
    return `${certificate.toString('pem')}\n`;
  };

  const listenerCertificate = async (
    file: 'server' | 'broker',
    names: readonly string[],
  ): Promise<KeyAndCertificate> => {
    const present = await readPair(folder, file);
    if (
      present !== null &&
      coversNames(present.cert, names, issuer) &&
      !expiresWithin(present.cert, RENEW_BEFORE_MS.server)
    )
      return present;
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const cert = await issue(keys.publicKey as webcrypto.CryptoKey, `CN=${commonName(names)}`, LIFETIME_MS.server, [
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        names.map((name) => ({ type: isIP(name) === 0 ? 'dns' : 'ip', value: name })),
      ),
    ]);
    return writePair(folder, file, { key: await exportKey(keys.privateKey as webcrypto.CryptoKey), cert });
  };

  return {
    certificate: own.cert,

    serverCertificate: (names) => listenerCertificate('server', names),
    brokerCertificate: (names) => listenerCertificate('broker', names),
    brokerClient: async () =>
      issueBrokerClient(
        (await readPair(folder, 'broker-client')) ??
          (await makeSelfSigned(
            folder,
            'broker-client',
            `CN=${BROKER_USER}`,
            KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature,
          )),
      ),

    async readRequest(csr) {
      try {
        const request = new Pkcs10CertificateRequest(csr);
        if (!(await request.verify())) throw new Error('its signature is not by the key in it');
        const der = Buffer.from(request.publicKey.rawData);
        // Node reads the key a second time: what TLS cannot use later is refused now.
        const { asymmetricKeyType } = createPublicKey({ key: der, format: 'der', type: 'spki' });
        if (asymmetricKeyType !== 'ec' && asymmetricKeyType !== 'ed25519')
          throw new Error('its key is neither EC nor Ed25519');
        return { deviceId: deviceIdOf(der), publicKey: der.toString('base64') };
      } catch (cause) {
        throw new NodeosError(
          'INPUT_INVALID',
          `csr: not a certificate request that proves its key: ${(cause as Error).message}`,
          { cause },
        );
      }
    },

    async issueDevice(request) {
      const publicKey = new PublicKey(Buffer.from(request.publicKey, 'base64'));
      return issue(publicKey, `CN=${request.deviceId}`, LIFETIME_MS.device, [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
      ]);
    },

    nearExpiry: (certificate) => expiresWithin(certificate, RENEW_BEFORE_MS.device),
  };
}

function makeAuthority(folder: string): Promise<KeyAndCertificate> {
  return makeSelfSigned(folder, 'ca', 'CN=NodeOS fleet authority', KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign);
}

async function makeSelfSigned(folder: string, file: string, name: string, usages: number): Promise<KeyAndCertificate> {
  const keys = (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name,
    notBefore: NOT_BEFORE,
    notAfter: new Date(Date.now() + LIFETIME_MS.authority),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(usages, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return writePair(folder, file, { key: await exportKey(keys.privateKey), cert: `${certificate.toString('pem')}\n` });
}

/**
 * Made anew by each server: Erlang takes no client whose certificate is an authority, and tells that by subject and
 * issuer being the same name.
 */
async function issueBrokerClient({ key, cert }: KeyAndCertificate): Promise<BrokerClient> {
  const { subject, validTo } = new X509Certificate(cert);
  const leaf = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `${subject},O=NodeOS`,
    issuer: subject,
    notBefore: NOT_BEFORE,
    notAfter: new Date(validTo),
    publicKey: await publicKeyOf(key),
    signingKey: await importKey(key),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
    ],
  });
  return { key, cert: `${leaf.toString('pem')}\n`, authority: cert };
}

async function readPair(folder: string, name: string): Promise<KeyAndCertificate | null> {
  try {
    const cert = await readFile(join(folder, `${name}.pem`), 'utf8');
    const key = await readFile(join(folder, `${name}-key.pem`), 'utf8');
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)) ? { key, cert } : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new NodeosError('FILE_UNREADABLE', `${join(folder, name)}.pem or its key: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** The certificate is written last: a key without its certificate counts as nothing there. */
async function writePair(folder: string, name: string, pair: KeyAndCertificate): Promise<KeyAndCertificate> {
  await writeFileAtomic(join(folder, `${name}-key.pem`), pair.key, 0o600);
  await writeFileAtomic(join(folder, `${name}.pem`), pair.cert);
  return pair;
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' });
  return (await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign'])) as webcrypto.CryptoKey;
}

async function publicKeyOf(privatePem: string): Promise<webcrypto.CryptoKey> {
  const der = createPublicKey(privatePem).export({ format: 'der', type: 'spki' });
  return (await webcrypto.subtle.importKey('spki', der, ALGORITHM, true, ['verify'])) as webcrypto.CryptoKey;
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

/** 16 random octets, positive as RFC 5280, 4.1.2.2 demands. */
function serialNumber(): string {
  const octets = randomBytes(16);
  octets[0] = ((octets[0] as number) & 0x7f) | 0x40;
  return octets.toString('hex');
}

function commonName(names: readonly string[]): string {
  return (names[0] ?? 'nodeos').slice(0, 64).replace(/[^A-Za-z0-9.-]/g, '-');
}

function coversNames(cert: string, names: readonly string[], issuer: X509Certificate): boolean {
  const certificate = new X509Certificate(cert);
  return (
    certificate.verify(issuer.publicKey) &&
    names.every((name) => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined)
  );
}

function expiresWithin(cert: string, milliseconds: number): boolean {
  return new X509Certificate(cert).validToDate.getTime() - Date.now() < milliseconds;
}
