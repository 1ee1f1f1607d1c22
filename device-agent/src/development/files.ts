import { createHash, type Hash } from 'node:crypto';
import { chmod, chown, link, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkDevelopedFiles, type DevelopedFile, type ToDevice } from '@nodeos/contracts/development.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';

/** Operations on files at the same time; more than Node.js has threads for them gains nothing. */
const AT_ONCE = 16;

type ListMessage = Extract<ToDevice, { kind: 'list' }>;

/** More is not worth a message to a process that waits. */
const CHANGES_MAX_BYTES = 1_048_576;
const CHANGES_MAX = 200;

/** A home, and the files below its `app` by their paths. */
export interface PlacedHome {
  readonly home: string;
  readonly files: ReadonlyMap<string, DevelopedFile>;
}

interface Incoming {
  readonly file: DevelopedFile;
  readonly partial: string;
  readonly hash: Hash;
  bytes: number;
}

/**
 * The files of a development session in a folder of its own, which only the agent may enter: contents by their hashes, and
 * for each start a home whose `app` has hard links to them. A name from outside is used below a folder that was made for it
 * a moment before, never in one that an app could have changed.
 */
export class DevelopmentFiles {
  readonly #folder: string;
  readonly #owner: number | null;
  readonly #known = new Set<string>();
  /** By their paths. */
  readonly #listed = new Map<string, DevelopedFile>();
  #incoming: Incoming | null = null;
  #missing = new Map<string, DevelopedFile>();
  #whole = false;
  #homes = 0;

  /** @param owner user of the homes; null: whoever runs this */
  constructor(folder: string, owner: number | null) {
    this.#folder = folder;
    this.#owner = owner;
  }

  /**
   * Takes a part of a list, or of what differs from the one before; with the last part, gives the hashes of the files that
   * are not there yet.
   * @param maxBytes of all files together
   * @throws NodeosError INPUT_INVALID, PAYLOAD_TOO_LARGE
   */
  list(files: readonly DevelopedFile[], part: Omit<ListMessage, 'files' | 'kind'>, maxBytes: number): string[] | null {
    if (part.first) this.#listed.clear();
    this.#whole = false;
    this.#incoming = null;
    this.#missing.clear();

    for (const path of part.gone) this.#listed.delete(path);
    for (const file of files) this.#listed.set(file.path, file);
    checkDevelopedFiles([...this.#listed.values()], maxBytes);
    if (!part.last) return null;
    for (const file of this.#listed.values()) if (!this.#known.has(file.sha256)) this.#missing.set(file.sha256, file);
    this.#whole = true;
    return [...this.#missing.keys()];
  }

  /**
   * Takes the next octets of one of the missing files, one file after the other. What is there already is left as it is.
   * @throws NodeosError INPUT_INVALID, LENGTH_MISMATCH, HASH_MISMATCH; the file is then missing as before
   */
  async take(sha256: string, octets: Buffer): Promise<void> {
    if (this.#known.has(sha256)) return;
    const file = this.#missing.get(sha256);
    if (!file) throw new NodeosError('INPUT_INVALID', `no file ${sha256} is missing`);
    if (this.#incoming?.file.sha256 !== sha256) this.#incoming = await this.#begin(file);
    const incoming = this.#incoming;
    incoming.bytes += octets.length;
    incoming.hash.update(octets);
    if (incoming.bytes > file.bytes) {
      this.#incoming = null;
      throw new NodeosError('LENGTH_MISMATCH', `${file.path} has more than its ${file.bytes} bytes`);
    }
    await appendOctets(incoming.partial, octets);
    if (incoming.bytes < file.bytes) return;
    this.#incoming = null;
    if (incoming.hash.digest('hex') !== sha256)
      throw new NodeosError('HASH_MISMATCH', `${file.path} changed while it was sent`);
    await rename(incoming.partial, this.#content(sha256));
    this.#known.add(sha256);
    this.#missing.delete(sha256);
  }

  async #begin(file: DevelopedFile): Promise<Incoming> {
    await mkdir(join(this.#folder, 'contents'), { recursive: true, mode: 0o700 });
    const partial = join(this.#folder, 'partial');
    await rm(partial, { force: true });
    return { file, partial, hash: createHash('sha256'), bytes: 0 };
  }

  /**
   * Makes a home with all listed files below `app`.
   * @throws NodeosError INPUT_INVALID where files are missing
   */
  async place(): Promise<PlacedHome> {
    this.#checkWhole();
    const home = this.#home(String(++this.#homes));
    const app = join(home, 'app');
    await mkdir(app, { recursive: true });
    const files = [...this.#listed.values()];
    const folders = foldersOf(files.map(({ path }) => path));
    for (const folder of folders) await mkdir(join(app, folder), { recursive: true });
    await each(files, ({ sha256, path }) => link(this.#content(sha256), join(app, path)));
    if (this.#owner !== null)
      await this.#giveAway(home, this.#owner, ['app', ...folders.map((name) => join('app', name))]);
    return { home, files: new Map(this.#listed) };
  }

  /** The folders are the app's to change before it starts, and then as read-only as a bundle is. */
  async #giveAway(home: string, owner: number, folders: readonly string[]): Promise<void> {
    await each(folders, async (folder) => {
      await chown(join(home, folder), owner, owner);
      await chmod(join(home, folder), 0o555);
    });
    await chown(home, owner, owner);
  }

  /**
   * What has to change in a home that was made before, for app-preload.cjs: its length in four octets, and JSON.
   * @returns null where that is so much that a new home is no more work
   * @throws NodeosError INPUT_INVALID where files are missing
   */
  async changesIn({ files }: PlacedHome): Promise<Buffer | null> {
    this.#checkWhole();
    const changed = [...this.#listed.values()].filter(({ path, sha256 }) => files.get(path)?.sha256 !== sha256);
    const gone = [...files.keys()].filter((path) => !this.#listed.has(path));
    const bytes = changed.reduce((sum, file) => sum + file.bytes, 0);
    if (bytes > CHANGES_MAX_BYTES || changed.length + gone.length > CHANGES_MAX) return null;
    const octets = await Promise.all(changed.map(({ sha256 }) => readFile(this.#content(sha256), 'base64')));
    const json = Buffer.from(JSON.stringify({ files: changed.map(({ path }, at) => [path, octets[at]]), gone }));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(json.length);
    return Buffer.concat([length, json]);
  }

  /** Takes away all homes but these, and contents that nothing names any more. */
  async tidy(kept: readonly string[]): Promise<void> {
    const names = await readdir(join(this.#folder, 'homes')).catch(() => []);
    const old = names.filter((name) => !kept.includes(this.#home(name)));
    await each(old, (name) => rm(join(this.#folder, 'homes', name), { recursive: true, force: true }));
    const wanted = new Set([...this.#listed.values()].map(({ sha256 }) => sha256));
    const unused = [...this.#known].filter((sha256) => !wanted.has(sha256));
    for (const sha256 of unused) this.#known.delete(sha256);
    await each(unused, (sha256) => rm(this.#content(sha256), { force: true }));
  }

  async clear(): Promise<void> {
    this.#known.clear();
    this.#missing.clear();
    this.#listed.clear();
    this.#incoming = null;
    this.#whole = false;
    await rm(this.#folder, { recursive: true, force: true });
  }

  #checkWhole(): void {
    if (this.#whole && this.#missing.size === 0) return;
    throw new NodeosError('INPUT_INVALID', `${this.#missing.size} of ${this.#listed.size} files have not been sent`);
  }

  #home(name: string): string {
    return join(this.#folder, 'homes', name, 'home');
  }

  #content(sha256: string): string {
    return join(this.#folder, 'contents', sha256);
  }
}

/** All folders of the paths, each after those that it lies in. */
function foldersOf(paths: readonly string[]): string[] {
  const folders = new Set<string>();
  for (const path of paths)
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) folders.add(path.slice(0, at));
  return [...folders].sort();
}

/** A content has as many names as it is listed under, and so one mode for all: anything may be executed. */
async function appendOctets(path: string, octets: Buffer): Promise<void> {
  const file = await open(path, 'a', 0o755);
  try {
    await file.writeFile(octets);
  } finally {
    await file.close();
  }
}

async function each<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < items.length) await work(items[next++] as T);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}
