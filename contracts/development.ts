import * as z from 'zod';
import { appManifestSchema } from './app-manifest.ts';
import { NodeosError } from './errors.ts';
import { sha256Schema } from './validate.ts';

/**
 * A development session: files of a developer's folder run on a device in the place of a release, as long as the session is
 * renewed. Its messages are the `data` of ReplMessages (mqtt.ts), one JSON document each.
 */
export const DEVELOPMENT_LIMITS = {
  filesMax: 20_000,
  /** Of all files together; they lie in RAM. */
  filesMaxBytes: 67_108_864,
  pathMaxBytes: 512,
  nameMaxBytes: 255,
  /** A session that is not renewed for so long is over. */
  leaseMs: 60_000,
  renewMs: 15_000,
  /** Octets of a file in one message, before base64. */
  pieceMaxBytes: 32_768,
  /** Octets on the way that the device has not answered for. */
  windowMaxBytes: 524_288,
  /** Characters of one message, in either direction, be it several in one. */
  messageMaxCharacters: 49_152,
  messagesAtOnceMax: 64,
  /** Memory that an app may ask for, unless its release asks for more. */
  memoryMaxMiB: 256,
  /** A session's app is given no more time to end, whatever it asks for. */
  stopGraceMaxMs: 500,
} as const;

const FORBIDDEN = /[\p{Cc}\p{Cs}\\]/u;
const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** Whether a path with slashes leads to a file below the folder it is seen from, whatever lies in that folder. */
export function isPathBelow(path: string): boolean {
  if (FORBIDDEN.test(path) || bytesOf(path) > DEVELOPMENT_LIMITS.pathMaxBytes) return false;
  return path
    .split('/')
    .every((name) => name !== '' && name !== '.' && name !== '..' && bytesOf(name) <= DEVELOPMENT_LIMITS.nameMaxBytes);
}

export const developedFileSchema = z.strictObject({
  path: z.string().refine(isPathBelow, 'is no path of a file below the app'),
  sha256: sha256Schema,
  bytes: z.number().int().min(0).max(DEVELOPMENT_LIMITS.filesMaxBytes),
});
export type DevelopedFile = z.infer<typeof developedFileSchema>;

/** Command → device. */
export const toDeviceSchema = z.discriminatedUnion('kind', [
  /** All files of the app, in as many messages as it takes; or, where none of them is the first, what differs from the list before. */
  z.strictObject({
    kind: z.literal('list'),
    files: z.array(developedFileSchema).max(1_000),
    /** Paths that are not of the app any more. */
    gone: z.array(z.string().max(DEVELOPMENT_LIMITS.pathMaxBytes)).max(1_000),
    first: z.boolean(),
    last: z.boolean(),
  }),
  /** The next octets of a file that is missing; its length says which piece is the last. */
  z.strictObject({
    kind: z.literal('piece'),
    sha256: sha256Schema,
    data: z.base64().max(Math.ceil(DEVELOPMENT_LIMITS.pieceMaxBytes / 3) * 4),
  }),
  /** Runs what was listed; null: with the manifest of the start before. */
  z.strictObject({ kind: z.literal('start'), manifest: appManifestSchema.nullable() }),
  z.strictObject({ kind: z.literal('renew') }),
  /** Answered with `over` when the release has been started again. */
  z.strictObject({ kind: z.literal('end') }),
]);
export type ToDevice = z.infer<typeof toDeviceSchema>;

/** What one message may hold; of several, those after one that fails are not heard. */
export const toDeviceMessagesSchema = z.union([
  toDeviceSchema.transform((message) => [message]),
  z.array(toDeviceSchema).max(DEVELOPMENT_LIMITS.messagesAtOnceMax),
]);

/** Device → command. */
export const fromDeviceSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ready'), leaseMs: z.number().int() }),
  /** Files of a whole list, by their hashes, that the device has not. */
  z.strictObject({ kind: z.literal('missing'), sha256: z.array(sha256Schema).max(1_000), last: z.boolean() }),
  z.strictObject({ kind: z.literal('took'), bytes: z.number().int().min(0) }),
  /** Healthy: it answers its probe, or lives where it has none. */
  z.strictObject({ kind: z.literal('started'), healthy: z.boolean(), reason: z.string().nullable() }),
  /** The app ended by itself and is not started before the next change. */
  z.strictObject({ kind: z.literal('ended'), reason: z.string() }),
  /** Something that was asked for could not be done; the session goes on. */
  z.strictObject({ kind: z.literal('failed'), code: z.string(), reason: z.string() }),
  /** The session is over; with a code, because of an error. */
  z.strictObject({ kind: z.literal('over'), code: z.string().nullable(), reason: z.string() }),
]);
export type FromDevice = z.infer<typeof fromDeviceSchema>;

/**
 * Checks what no single entry shows.
 * @throws NodeosError INPUT_INVALID for a path that is there twice, or is a file and a folder; PAYLOAD_TOO_LARGE
 */
export function checkDevelopedFiles(files: readonly DevelopedFile[], maxBytes: number): void {
  const { filesMax } = DEVELOPMENT_LIMITS;
  if (files.length > filesMax)
    throw new NodeosError('PAYLOAD_TOO_LARGE', `more than ${filesMax} files are too many for a development session`);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes > maxBytes)
    throw new NodeosError('PAYLOAD_TOO_LARGE', `the app has ${bytes} bytes; a session may have ${maxBytes} here`, {
      hint: 'Leave out what is not needed with `files` in package.json; `npm pack --dry-run` lists what is sent.',
    });
  const paths = new Set<string>();
  for (const { path } of files) {
    if (paths.has(path)) throw new NodeosError('INPUT_INVALID', `${path} is listed twice`);
    paths.add(path);
  }
  for (const path of paths)
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1))
      if (paths.has(path.slice(0, at)))
        throw new NodeosError('INPUT_INVALID', `${path.slice(0, at)} is listed as a file and as a folder`);
}
