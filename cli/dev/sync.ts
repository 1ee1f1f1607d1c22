import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import { DEVELOPMENT_LIMITS, type DevelopedFile, type ToDevice } from '@nodeos/contracts/development.ts';
import type { DevelopmentConnection } from './session.ts';

/** Less than a message may have, for what stands around the list. */
const LIST_MAX_CHARACTERS = DEVELOPMENT_LIMITS.messageMaxCharacters - 1_024;
const LIST_MAX_ENTRIES = 1_000;

/** Files below it come from a bundle that was made for the session, and stay as they are. */
export const INSTALLED = 'node_modules/';

interface Known {
  readonly whole: string;
  readonly stamp: string;
  readonly file: DevelopedFile;
}

/** Remembers what files hold, so that only those that were touched are read again. */
export class FileHashes {
  readonly #known = new Map<string, Known>();
  /** What was last started. */
  lastState = '';
  /** What it was started with. */
  manifest: AppManifest | null = null;
  /** What the device has, by path; null where that is not sure. */
  atDevice: ReadonlyMap<string, DevelopedFile> | null = null;

  /** @param files path below the app → file on this computer */
  async list(files: ReadonlyMap<string, string>): Promise<DevelopedFile[]> {
    const listed: DevelopedFile[] = [];
    for (const [path, whole] of files) {
      const known = this.#known.get(path);
      if (known?.whole === whole && path.startsWith(INSTALLED)) {
        listed.push(known.file);
        continue;
      }
      const status = await stat(whole).catch(() => null);
      // Gone since it was listed: the next change tells.
      if (!status?.isFile()) continue;
      const stamp = `${status.ino} ${status.size} ${status.mtimeMs} ${status.ctimeMs}`;
      if (known?.whole === whole && known.stamp === stamp) listed.push(known.file);
      else {
        const octets = await readFile(whole);
        const sha256 = createHash('sha256').update(octets).digest('hex');
        const file = { path, sha256, bytes: octets.length };
        this.#known.set(path, { whole, stamp, file });
        listed.push(file);
      }
    }
    return listed;
  }
}

/** The list, or with `gone` what differs from the one before, in messages of a bearable size. */
export function listMessages(files: readonly DevelopedFile[], gone: readonly string[] | null = null): ToDevice[] {
  const parts: { files: DevelopedFile[]; gone: string[] }[] = [];
  let characters = Number.POSITIVE_INFINITY;
  const part = (length: number): { files: DevelopedFile[]; gone: string[] } => {
    characters += length + 1;
    const last = parts.at(-1);
    if (last && characters <= LIST_MAX_CHARACTERS && last.files.length + last.gone.length < LIST_MAX_ENTRIES)
      return last;
    characters = length + 1;
    parts.push({ files: [], gone: [] });
    return parts.at(-1) as { files: DevelopedFile[]; gone: string[] };
  };
  for (const path of gone ?? []) part(JSON.stringify(path).length).gone.push(path);
  for (const file of files) part(JSON.stringify(file).length).files.push(file);
  if (parts.length === 0) part(0);
  return parts.map((entries, at) => ({
    ...{ kind: 'list', ...entries },
    ...{ first: gone === null && at === 0, last: at === parts.length - 1 },
  }));
}

/**
 * Lists the files and sends those that the device has not; what it is known to have is not listed again.
 * @returns the paths that were sent, before the device has answered for the last of them
 * @throws NodeosError what the device refuses, DEVICE_OFFLINE
 */
export async function sendFiles(
  connection: Pick<DevelopmentConnection, 'send' | 'missing' | 'taken' | 'takenUpTo'>,
  files: ReadonlyMap<string, string>,
  listed: readonly DevelopedFile[],
  atDevice: ReadonlyMap<string, DevelopedFile> | null,
): Promise<string[]> {
  const changes = atDevice && changesSince(atDevice, listed);
  const missing = changes?.missing ?? (await listAll(connection, listed));
  const wanted = listed.filter(({ sha256 }) => missing.delete(sha256));
  const contents = await readEarly(wanted, files);
  for (const message of changes?.messages ?? []) connection.send(message);
  const { pieceMaxBytes, windowMaxBytes } = DEVELOPMENT_LIMITS;
  let octetsSent = connection.taken;
  for (const { path, sha256 } of wanted) {
    const octets = contents.get(path) ?? (await readFile(files.get(path) as string));
    for (let at = 0; at === 0 || at < octets.length; at += pieceMaxBytes) {
      const piece = octets.subarray(at, at + pieceMaxBytes);
      connection.send({ kind: 'piece', sha256, data: piece.toString('base64') });
      octetsSent += piece.length;
      // The device may be slower than everything before it.
      if (connection.taken < octetsSent - windowMaxBytes) await connection.takenUpTo(octetsSent - windowMaxBytes);
    }
  }
  return wanted.map(({ path }) => path);
}

async function listAll(
  connection: Pick<DevelopmentConnection, 'send' | 'missing'>,
  listed: readonly DevelopedFile[],
): Promise<Set<string>> {
  const answer = connection.missing();
  for (const message of listMessages(listed)) connection.send(message);
  return await answer;
}

/** The device need not be asked: what it has not is known. */
function changesSince(
  atDevice: ReadonlyMap<string, DevelopedFile>,
  listed: readonly DevelopedFile[],
): { messages: ToDevice[]; missing: Set<string> } {
  const paths = new Set(listed.map(({ path }) => path));
  const gone = [...atDevice.keys()].filter((path) => !paths.has(path));
  const changed = listed.filter(({ path, sha256 }) => atDevice.get(path)?.sha256 !== sha256);
  const there = new Set([...atDevice.values()].map(({ sha256 }) => sha256));
  const missing = new Set(changed.map(({ sha256 }) => sha256).filter((sha256) => !there.has(sha256)));
  return { messages: listMessages(changed, gone), missing };
}

/** Few octets are read before anything is sent, so that all goes in one message. */
async function readEarly(
  wanted: readonly DevelopedFile[],
  files: ReadonlyMap<string, string>,
): Promise<Map<string, Buffer>> {
  const bytes = wanted.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes > DEVELOPMENT_LIMITS.pieceMaxBytes) return new Map();
  return new Map(
    await Promise.all(wanted.map(async ({ path }) => [path, await readFile(files.get(path) as string)] as const)),
  );
}
