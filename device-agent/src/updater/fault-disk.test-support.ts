import { constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Disk, type DiskFile, systemDisk } from './disk.ts';
import { BlockFile, type Choice, type NameChange } from './fault-model.test-support.ts';

/**
 * What a power cut leaves of writes that were not yet synced: all of them, none of them, or any subset. `torn sector`
 * is any subset too, and one 512-byte sector of the write under way is half old, half new.
 */
export type Losses = 'nothing lost' | 'unsynced lost' | 'some lost' | 'torn sector';

export class PowerCut extends Error {
  constructor() {
    super('power cut');
  }
}

interface WriteUnderWay {
  readonly file: BlockFile;
  readonly position: number;
  readonly bytes: Uint8Array;
  readonly synchronous: boolean;
}

/**
 * The system's disk with a plug: at the call with the chosen number the power goes, in the middle of a write if it is
 * one, and everything fails from then on. What was not synced by then is lost as the mode says. A write to a file is
 * safe once the file was synced, a new name or a renaming once its folder was: POSIX promises no more.
 */
export class FaultDisk {
  /** Calls that change something, so far. */
  calls = 0;
  cutAt = Number.POSITIVE_INFINITY;
  /** The power is gone, and what it left lies on the medium. */
  dead = false;
  onCut: () => void = () => {};
  readonly #losses: Losses;
  readonly #random: () => number;
  #connection = 0;
  /** The power is going: calls fail, but those that had begun are still on their way. */
  #going: { readonly write: WriteUnderWay | undefined } | null = null;
  #busy = 0;
  #idle: (() => void)[] = [];
  /** Files by the name they have now. */
  #files = new Map<string, BlockFile>();
  /** Names as they are on the medium, where they were touched; null: no such name. */
  #durable = new Map<string, BlockFile | null>();
  #pendingNames: NameChange[] = [];

  constructor(losses: Losses, random: () => number = Math.random) {
    this.#losses = losses;
    this.#random = random;
  }

  /** The disk for one boot; the one of the boot before fails from now on. */
  connect(): Disk {
    const connection = ++this.#connection;
    this.dead = false;
    this.#going = null;
    this.#files = new Map();
    this.#durable = new Map();
    this.#pendingNames = [];
    const alive = () => {
      if (this.dead || this.#going || connection !== this.#connection) throw new PowerCut();
    };
    const change = (write?: WriteUnderWay) => {
      alive();
      if (++this.calls < this.cutAt) return;
      this.cutAt = Number.POSITIVE_INFINITY;
      this.#going = { write };
      throw new PowerCut();
    };
    return this.#counted<Disk>({
      open: async (path, flags, mode) => {
        if (flags === 'w') {
          change();
          const known = existsSync(path);
          if (known) this.#file(path).truncate(0);
          await (await systemDisk.open(path, flags, mode)).close();
          if (!known) this.#rename([[path, new BlockFile(path, Buffer.alloc(0))]]);
        } else alive();
        const file = await systemDisk.open(path, flags === 'w' ? 'r+' : flags, mode);
        const synchronous = typeof flags === 'number' && (flags & constants.O_DSYNC) === constants.O_DSYNC;
        return this.#wrap(this.#file(path), file, synchronous, alive, change);
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
        const file = this.#file(from);
        if (existsSync(to)) this.#file(to).unlink();
        await systemDisk.rename(from, to);
        this.#rename([
          [from, null],
          [to, file],
        ]);
      },
      remove: async (path) => {
        alive();
        if (!existsSync(path)) return;
        change();
        this.#file(path).unlink();
        await systemDisk.remove(path);
        this.#rename([[path, null]]);
      },
      makeFolder: async (path) => {
        alive();
        await systemDisk.makeFolder(path);
      },
      syncFolder: async (path) => {
        change();
        await systemDisk.syncFolder(path);
        const done = this.#pendingNames.filter((pending) => pending.folder === path);
        for (const { changes } of done) for (const [name, file] of changes) this.#durable.set(name, file);
        this.#pendingNames = this.#pendingNames.filter((pending) => pending.folder !== path);
      },
    });
  }

  /** True as soon as no call works any more. */
  get failing(): boolean {
    return this.dead || this.#going !== null;
  }

  /** Ends the connection with nothing lost, and waits for what had begun. */
  async unplug(): Promise<void> {
    this.#connection++;
    if (this.#busy > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Counts calls under way: what a cut leaves is decided when the last of them has ended. */
  #counted<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (_, name) => {
        const value = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return async (...words: unknown[]) => {
          this.#busy++;
          try {
            return await value.apply(target, words);
          } finally {
            this.#busy--;
            if (this.#busy === 0) this.#quiet();
          }
        };
      },
    });
  }

  #quiet(): void {
    if (this.#going && !this.dead) this.#cut(this.#going.write);
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #wrap(
    file: BlockFile,
    opened: DiskFile,
    synchronous: boolean,
    alive: () => void,
    change: (write?: WriteUnderWay) => void,
  ): DiskFile {
    return this.#counted<DiskFile>({
      fd: opened.fd,
      read: async (buffer, position) => {
        alive();
        return opened.read(buffer, position);
      },
      write: async (buffer, position) => {
        change({ file, position, bytes: Buffer.from(buffer), synchronous });
        if (!synchronous) file.write(position, buffer);
        await opened.write(buffer, position);
      },
      truncate: async (bytes) => {
        change();
        file.truncate(bytes);
        await opened.truncate(bytes);
      },
      sync: async () => {
        change();
        await opened.sync();
        file.sync();
      },
      close: () => opened.close(),
    });
  }

  /** Changes names at once; the medium may learn of it later. */
  #rename(changes: NameChange['changes']): void {
    for (const [path, file] of changes) {
      if (!this.#durable.has(path)) this.#durable.set(path, this.#files.get(path) ?? null);
      if (file) file.path = path;
    }
    // The durable names are asked for before this: only now may the names of this moment change.
    for (const [path, file] of changes) {
      if (file) this.#files.set(path, file);
      else this.#files.delete(path);
    }
    this.#pendingNames.push({ folder: dirname(changes[0]?.[0] ?? ''), changes });
  }

  #file(path: string): BlockFile {
    const file = this.#files.get(path) ?? new BlockFile(path, null);
    this.#files.set(path, file);
    return file;
  }

  #choice(): Choice {
    if (this.#losses === 'nothing lost') return { kept: () => true, sector: (index, count) => index * 2 < count };
    if (this.#losses === 'unsynced lost') return { kept: () => false, sector: (index, count) => index * 2 < count };
    const share = this.#random();
    const kept = () => this.#random() < share;
    return { kept, sector: kept };
  }

  #cut(write?: WriteUnderWay): void {
    this.dead = true;
    const choice = this.#choice();
    const names = new Map(this.#durable);
    for (const { changes } of this.#pendingNames)
      if (choice.kept()) for (const [path, file] of changes) names.set(path, file);
    const files = new Set([...this.#files.values(), ...names.values()].filter((file) => file !== null));
    const contents = new Map<BlockFile, Buffer | null>();
    for (const file of files) contents.set(file, file.left(choice));
    if (write && (write.synchronous || this.#losses !== 'unsynced lost')) this.#tear(write, choice, contents);
    const named = new Set(names.values());
    const left = [...names].map(([path, file]) => [path, file && (contents.get(file) ?? file.content())] as const);
    const inPlace = [...contents]
      .filter(([file]) => !named.has(file))
      .map(([file, bytes]) => [file.path, bytes] as const);
    for (const [path, bytes] of left) {
      if (bytes === null) rmSync(path, { force: true });
      else writeFileSync(path, bytes);
    }
    for (const [path, bytes] of inPlace) if (path && bytes) writeFileSync(path, bytes);
    this.onCut();
  }

  /** The write under way has reached some sectors of the medium. */
  #tear({ file, position, bytes }: WriteUnderWay, choice: Choice, contents: Map<BlockFile, Buffer | null>): void {
    const before = contents.get(file) ?? file.content();
    const after = Buffer.alloc(Math.max(before.length, position + bytes.length));
    before.copy(after);
    const count = Math.ceil(bytes.length / 512);
    const torn = this.#losses === 'torn sector' ? Math.floor(this.#random() * count) : -1;
    let end = before.length;
    for (let index = 0; index < count; index++) {
      const length = index === torn ? Math.floor(this.#random() * 512) : 512;
      if (index !== torn && !choice.sector(index, count)) continue;
      const piece = bytes.subarray(index * 512, index * 512 + length);
      after.set(piece, position + index * 512);
      end = Math.max(end, position + index * 512 + piece.length);
    }
    contents.set(file, after.subarray(0, end));
  }
}
