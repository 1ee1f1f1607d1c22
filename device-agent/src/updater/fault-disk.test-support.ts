import { constants, existsSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Disk, type DiskFile, systemDisk } from './disk.ts';

/** What a power cut leaves of writes that were not yet synced. */
export type Losses = 'nothing lost' | 'unsynced lost';

export class PowerCut extends Error {
  constructor() {
    super('power cut');
  }
}

/** A file, whatever it is called by now. */
interface FileIdentity {
  path: string;
}

interface Undo {
  /** A sync of this file, or of the folder with this path, makes the change durable. */
  readonly owner: FileIdentity | string;
  readonly undo: () => void;
}

/**
 * The system's disk with a plug: at the call with the chosen number the power goes, in the middle of a write if it is
 * one, and everything fails from then on. In the worse mode, what was not synced is gone then.
 */
export class FaultDisk {
  /** Calls that change something, so far. */
  calls = 0;
  cutAt = Number.POSITIVE_INFINITY;
  dead = false;
  onCut: () => void = () => {};
  readonly #losses: Losses;
  #pending: Undo[] = [];
  #connection = 0;
  readonly #files = new Map<string, FileIdentity>();

  constructor(losses: Losses) {
    this.#losses = losses;
  }

  /** The disk for one boot; the one of the boot before fails from now on. */
  connect(): Disk {
    const connection = ++this.#connection;
    this.dead = false;
    this.#pending = [];
    const alive = () => {
      if (this.dead || connection !== this.#connection) throw new PowerCut();
    };
    const change = (torn?: () => void) => {
      alive();
      if (++this.calls >= this.cutAt) this.#cut(torn);
    };
    return {
      open: async (path, flags, mode) => {
        if (flags === 'w') {
          change();
          const before = existsSync(path) ? readFileSync(path) : null;
          const identity = this.#identify(path);
          this.#later(dirname(path), () =>
            before ? writeFileSync(identity.path, before) : rmSync(identity.path, { force: true }),
          );
        } else alive();
        const file = await systemDisk.open(path, flags, mode);
        const synchronous = typeof flags === 'number' && (flags & constants.O_DSYNC) === constants.O_DSYNC;
        return this.#wrap(this.#identify(path), file, synchronous, alive, change);
      },
      readFile: async (path) => {
        alive();
        return systemDisk.readFile(path);
      },
      size: async (path) => {
        alive();
        return systemDisk.size(path);
      },
      list: async (path) => {
        alive();
        return systemDisk.list(path);
      },
      rename: async (from, to) => {
        change();
        const replaced = existsSync(to) ? readFileSync(to) : null;
        await systemDisk.rename(from, to);
        const identity = this.#identify(from);
        const move = (path: string) => {
          this.#files.delete(identity.path);
          identity.path = path;
          this.#files.set(path, identity);
        };
        move(to);
        this.#later(dirname(to), () => {
          renameSync(to, from);
          move(from);
          if (replaced) writeFileSync(to, replaced);
        });
      },
      remove: async (path) => {
        alive();
        if (!existsSync(path)) return;
        change();
        const before = readFileSync(path);
        await systemDisk.remove(path);
        this.#later(dirname(path), () => writeFileSync(path, before));
      },
      makeFolder: async (path) => {
        alive();
        await systemDisk.makeFolder(path);
      },
      syncFolder: async (path) => {
        change();
        await systemDisk.syncFolder(path);
        this.#synced(path);
      },
    };
  }

  #wrap(
    identity: FileIdentity,
    file: DiskFile,
    synchronous: boolean,
    alive: () => void,
    change: (torn?: () => void) => void,
  ): DiskFile {
    return {
      fd: file.fd,
      read: async (buffer, position) => {
        alive();
        return file.read(buffer, position);
      },
      write: async (buffer, position) => {
        if (!synchronous && this.#losses === 'unsynced lost') {
          const content = readFileSync(identity.path);
          const before = Buffer.from(content.subarray(position, position + buffer.length));
          this.#later(identity, () => {
            if (!existsSync(identity.path)) return;
            patch(identity.path, position, before);
            truncateSync(identity.path, content.length);
          });
        }
        const half = Buffer.from(buffer.subarray(0, Math.floor(buffer.length / 1024) * 512));
        change(() => patch(identity.path, position, half));
        await file.write(buffer, position);
      },
      truncate: async (bytes) => {
        change();
        await file.truncate(bytes);
      },
      sync: async () => {
        change();
        await file.sync();
        this.#synced(identity);
      },
      close: () => file.close(),
    };
  }

  #cut(torn: () => void = () => {}): never {
    this.dead = true;
    this.cutAt = Number.POSITIVE_INFINITY;
    torn();
    for (const { undo } of this.#pending.reverse()) undo();
    this.#pending = [];
    this.onCut();
    throw new PowerCut();
  }

  #identify(path: string): FileIdentity {
    const identity = this.#files.get(path) ?? { path };
    this.#files.set(path, identity);
    return identity;
  }

  #later(owner: Undo['owner'], undo: () => void): void {
    if (this.#losses === 'unsynced lost') this.#pending.push({ owner, undo });
  }

  #synced(owner: Undo['owner']): void {
    this.#pending = this.#pending.filter((pending) => pending.owner !== owner);
  }
}

function patch(path: string, position: number, bytes: Buffer): void {
  const content = readFileSync(path);
  const whole = Buffer.alloc(Math.max(content.length, position + bytes.length));
  content.copy(whole);
  bytes.copy(whole, position);
  writeFileSync(path, whole);
}
