import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { DEVELOPMENT_LIMITS, type DevelopedFile, type ToDevice } from '@nodeos/contracts/development.ts';
import type { DevelopmentConnection } from './session.ts';

interface Known {
  readonly stamp: string;
  readonly file: DevelopedFile;
}

/** Remembers what files hold, so that only those that were touched are read again. */
export class FileHashes {
  readonly #known = new Map<string, Known>();
  /** What was last started. */
  lastState = '';

  /** @param files path below the app → file on this computer */
  async list(files: ReadonlyMap<string, string>): Promise<DevelopedFile[]> {
    const listed: DevelopedFile[] = [];
    for (const [path, whole] of files) {
      const status = await stat(whole).catch(() => null);
      // Gone since it was listed: the next change tells.
      if (!status?.isFile()) continue;
      const stamp = `${whole} ${status.ino} ${status.size} ${status.mtimeMs} ${status.ctimeMs}`;
      const known = this.#known.get(path);
      if (known?.stamp === stamp) listed.push(known.file);
      else {
        const octets = await readFile(whole);
        const sha256 = createHash('sha256').update(octets).digest('hex');
        const file = { path, sha256, bytes: octets.length };
        this.#known.set(path, { stamp, file });
        listed.push(file);
      }
    }
    return listed;
  }
}

/** The list in messages of a bearable size. */
export function listMessages(files: readonly DevelopedFile[]): ToDevice[] {
  const parts: DevelopedFile[][] = [[]];
  let characters = 0;
  for (const file of files) {
    const length = JSON.stringify(file).length;
    if (characters + length > DEVELOPMENT_LIMITS.messageMaxCharacters || parts.at(-1)?.length === 1_000) {
      parts.push([]);
      characters = 0;
    }
    parts.at(-1)?.push(file);
    characters += length + 1;
  }
  return parts.map((part, at) => ({ kind: 'list', files: part, first: at === 0, last: at === parts.length - 1 }));
}

/**
 * Lists the files and sends those that the device has not.
 * @returns the paths that were sent
 * @throws NodeosError what the device refuses, DEVICE_OFFLINE
 */
export async function sendFiles(
  connection: Pick<DevelopmentConnection, 'send' | 'missing' | 'taken' | 'takenUpTo'>,
  files: ReadonlyMap<string, string>,
  listed: readonly DevelopedFile[],
): Promise<string[]> {
  const answer = connection.missing();
  for (const message of listMessages(listed)) connection.send(message);
  const missing = await answer;
  const { pieceMaxBytes, windowMaxBytes } = DEVELOPMENT_LIMITS;
  const sent: string[] = [];
  let octetsSent = connection.taken;
  for (const { path, sha256 } of listed) {
    if (!missing.delete(sha256)) continue;
    sent.push(path);
    const octets = await readFile(files.get(path) as string);
    for (let at = 0; at === 0 || at < octets.length; at += pieceMaxBytes) {
      const piece = octets.subarray(at, at + pieceMaxBytes);
      connection.send({ kind: 'piece', sha256, data: piece.toString('base64') });
      octetsSent += piece.length;
      // The device may be slower than everything before it.
      await connection.takenUpTo(octetsSent - windowMaxBytes);
    }
  }
  return sent;
}
