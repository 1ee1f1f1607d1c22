import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { constants } from 'node:fs';
import { dirname } from 'node:path';
import {
  DEVICE_RECORD_AREA_BYTES,
  DEVICE_RECORD_OFFSETS,
  encodeDeviceRecord,
  newestDeviceRecord,
} from '@nodeos/contracts/device-record.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import * as z from 'zod';
import { type Disk, type DiskFile, systemDisk, writeFileAtomically } from './updater/disk.ts';

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
export async function loadIdentity(
  medium: string | null,
  stateDir: string,
  disk: Disk = systemDisk,
): Promise<Identity> {
  if (medium === null) return loadFromFile(disk, `${stateDir}/identity/record.json`);
  let file: DiskFile | null = null;
  try {
    file = await openMedium(disk, medium);
    const copies = await readCopies(file);
    const newest = newestDeviceRecord(copies);
    const known = parseRecord(newest?.payload);
    if (newest && known) {
      // One copy may be torn: it is mended before the other can be. On a medium that takes no writes it stays torn.
      const record = encodeDeviceRecord(newest.sequence, newest.payload);
      if (!copies.every((copy) => copy.subarray(0, record.length).equals(record)))
        await writeCopies(file, record).catch(ignoreRefusedWrite);
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
  disk: Disk = systemDisk,
): Promise<Credentials | null> {
  try {
    const certificate = (await disk.readFile(`${stateDir}/identity/cert.pem`)).toString();
    const issuedUnder = (await disk.readFile(`${stateDir}/identity/ca.pem`)).toString();
    const parsed = new X509Certificate(certificate);
    if (issuedUnder !== ca || !parsed.checkPrivateKey(identity.privateKey)) return null;
    return Date.parse(parsed.validTo) > now ? { certificate, deviceId: commonNameOf(parsed) } : null;
  } catch {
    return null;
  }
}

/**
 * Keeps a certificate. After a power cut the old certificate stands beside its authority, or the new one beside its own,
 * or none does.
 * @throws NodeosError IDENTITY_INVALID where it is not for this device's key
 */
export async function storeCredentials(
  stateDir: string,
  identity: Identity,
  ca: string,
  certificate: string,
  disk: Disk = systemDisk,
): Promise<Credentials> {
  const parsed = new X509Certificate(certificate);
  if (!parsed.checkPrivateKey(identity.privateKey))
    throw new NodeosError('IDENTITY_INVALID', 'the server sent a certificate for another key');
  const folder = `${stateDir}/identity`;
  await disk.makeFolder(folder);
  if ((await disk.size(`${folder}/ca.pem`)) !== null && (await disk.readFile(`${folder}/ca.pem`)).toString() !== ca) {
    await disk.remove(`${folder}/ca.pem`);
    await disk.syncFolder(folder);
  }
  await writeFileAtomically(disk, `${folder}/cert.pem`, certificate);
  if ((await disk.size(`${folder}/ca.pem`)) === null) await writeFileAtomically(disk, `${folder}/ca.pem`, ca);
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

/** A write-protected medium still tells who the device is. */
async function openMedium(disk: Disk, medium: string): Promise<DiskFile> {
  try {
    return await disk.open(medium, constants.O_RDWR);
  } catch (error) {
    if (!isRefusedWrite(error)) throw error;
    return disk.open(medium, constants.O_RDONLY);
  }
}

function isRefusedWrite(error: unknown): boolean {
  return ['EROFS', 'EACCES', 'EPERM', 'EBADF', 'EIO'].includes((error as NodeJS.ErrnoException).code ?? '');
}

function ignoreRefusedWrite(error: unknown): void {
  if (!isRefusedWrite(error)) throw error;
}

async function readCopies(file: DiskFile): Promise<Buffer[]> {
  return Promise.all(
    DEVICE_RECORD_OFFSETS.map(async (offset) => {
      const area = Buffer.alloc(DEVICE_RECORD_AREA_BYTES);
      await file.read(area, offset);
      return area;
    }),
  );
}

/** One copy after the other, each on the medium before the next: a power cut tears at most one. */
async function writeCopies(file: DiskFile, record: Buffer): Promise<void> {
  for (const offset of DEVICE_RECORD_OFFSETS) {
    await file.write(record, offset);
    await file.sync();
  }
}

async function loadFromFile(disk: Disk, path: string): Promise<Identity> {
  try {
    return toIdentity(validate(recordSchema, JSON.parse((await disk.readFile(path)).toString()), path));
  } catch {
    const made = makeRecord();
    await disk.makeFolder(dirname(path));
    await writeFileAtomically(disk, path, JSON.stringify(made));
    return toIdentity(made);
  }
}
