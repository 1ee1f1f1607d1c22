import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import {
  DEVICE_RECORD_AREA_BYTES,
  DEVICE_RECORD_OFFSETS,
  encodeDeviceRecord,
  newestDeviceRecord,
} from '@nodeos/contracts/device-record.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import * as z from 'zod';
import { writeFileAtomic } from './atomic-file.ts';

const recordSchema = z.object({
  serial: z.string().regex(/^[0-9a-f]{16}$/),
  privateKey: z.string().startsWith('-----BEGIN PRIVATE KEY-----'),
});

/** Who this device is. The key was made here and stays here. */
export interface Identity {
  readonly serial: string;
  readonly privateKey: KeyObject;
}
/** What the server gave for the identity. */
export interface Credentials {
  readonly certificate: string;
  readonly deviceId: string;
}

/**
 * Reads the device record, or makes one at the first boot.
 * @param medium whole disk (or a file in its place) with the reserved area, null where there is none
 * @param stateDir holds the record where there is no disk
 * @throws NodeosError IDENTITY_INVALID where the record could neither be read nor written
 */
export async function loadIdentity(medium: string | null, stateDir: string): Promise<Identity> {
  if (medium === null) return loadFromFile(`${stateDir}/identity/record.json`);
  let file: FileHandle | null = null;
  try {
    file = await open(medium, constants.O_RDWR);
    const copies = await readCopies(file);
    const newest = newestDeviceRecord(copies);
    const known = parseRecord(newest?.payload);
    if (newest && known) {
      // One copy may be torn: it is mended before the other can be.
      const record = encodeDeviceRecord(newest.sequence, newest.payload);
      if (!copies.every((copy) => copy.subarray(0, record.length).equals(record))) await writeCopies(file, record);
      return known;
    }
    const made = makeRecord();
    await writeCopies(file, encodeDeviceRecord(1, made));
    const stored = parseRecord(newestDeviceRecord(await readCopies(file))?.payload);
    if (stored?.serial !== made.serial) throw new Error('what was written does not read back');
    return stored;
  } catch (cause) {
    const message = `device record on ${medium}: ${(cause as Error).message}`;
    throw new NodeosError('IDENTITY_INVALID', message, { cause });
  } finally {
    await file?.close();
  }
}

/** The certificate of an earlier enrolment; null where there is none, it has expired, or it is for another key or authority. */
export async function loadCredentials(
  stateDir: string,
  identity: Identity,
  ca: string,
  now: number,
): Promise<Credentials | null> {
  try {
    const certificate = await readFile(`${stateDir}/identity/cert.pem`, 'utf8');
    const issuedUnder = await readFile(`${stateDir}/identity/ca.pem`, 'utf8');
    const parsed = new X509Certificate(certificate);
    if (issuedUnder !== ca || !parsed.checkPrivateKey(identity.privateKey)) return null;
    return Date.parse(parsed.validTo) > now ? { certificate, deviceId: commonNameOf(parsed) } : null;
  } catch {
    return null;
  }
}

/** Keeps a certificate; @throws NodeosError IDENTITY_INVALID where it is not for this device's key. */
export async function storeCredentials(
  stateDir: string,
  identity: Identity,
  ca: string,
  certificate: string,
): Promise<Credentials> {
  const parsed = new X509Certificate(certificate);
  if (!parsed.checkPrivateKey(identity.privateKey))
    throw new NodeosError('IDENTITY_INVALID', 'the server sent a certificate for another key');
  await writeFileAtomic(`${stateDir}/identity/ca.pem`, ca);
  await writeFileAtomic(`${stateDir}/identity/cert.pem`, certificate);
  return { certificate, deviceId: commonNameOf(parsed) };
}

function commonNameOf(certificate: X509Certificate): string {
  const line = certificate.subject.split('\n').find((part) => part.startsWith('CN='));
  if (!line) throw new NodeosError('IDENTITY_INVALID', 'the certificate names no device');
  return line.slice('CN='.length);
}

function makeRecord(): z.infer<typeof recordSchema> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    serial: randomBytes(8).toString('hex'),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}

function parseRecord(payload: unknown): Identity | null {
  const result = recordSchema.safeParse(payload);
  return result.success ? toIdentity(result.data) : null;
}

function toIdentity(record: z.infer<typeof recordSchema>): Identity {
  return { serial: record.serial, privateKey: createPrivateKey(record.privateKey) };
}

async function readCopies(file: FileHandle): Promise<Buffer[]> {
  return Promise.all(
    DEVICE_RECORD_OFFSETS.map(async (offset) => {
      const area = Buffer.alloc(DEVICE_RECORD_AREA_BYTES);
      await file.read(area, 0, area.length, offset);
      return area;
    }),
  );
}

/** One copy after the other, each on the medium before the next: a power cut tears at most one. */
async function writeCopies(file: FileHandle, record: Buffer): Promise<void> {
  for (const offset of DEVICE_RECORD_OFFSETS) {
    await file.write(record, 0, record.length, offset);
    await file.sync();
  }
}

async function loadFromFile(path: string): Promise<Identity> {
  try {
    return toIdentity(validate(recordSchema, JSON.parse(await readFile(path, 'utf8')), path));
  } catch {
    const made = makeRecord();
    await writeFileAtomic(path, JSON.stringify(made), 0o600);
    return toIdentity(made);
  }
}
