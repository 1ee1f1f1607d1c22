import { dirname } from 'node:path';
import type { Disk, DiskFile } from '../src/updater/disk.ts';

/** A disk in RAM for one device: names and their bytes. Big contents are kept by nobody here (see sink.ts). */
export function createMemoryDisk(): Disk {
  const files = new Map<string, Buffer>();
  const missing = (path: string): Error => Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
  const read = (path: string): Buffer => {
    const bytes = files.get(path);
    if (bytes === undefined) throw missing(path);
    return bytes;
  };

  class MemoryFile implements DiskFile {
    readonly fd = -1;
    readonly #path: string;
    constructor(path: string) {
      this.#path = path;
    }
    async read(buffer: Uint8Array, position: number): Promise<number> {
      const part = read(this.#path).subarray(position, position + buffer.length);
      buffer.set(part);
      return part.length;
    }
    async write(buffer: Uint8Array, position: number): Promise<void> {
      const before = read(this.#path);
      const after = Buffer.alloc(Math.max(before.length, position + buffer.length));
      after.set(before);
      after.set(buffer, position);
      files.set(this.#path, after);
    }
    async truncate(bytes: number): Promise<void> {
      files.set(this.#path, Buffer.from(read(this.#path).subarray(0, bytes)));
    }
    async sync(): Promise<void> {}
    async close(): Promise<void> {}
  }

  return {
    async open(path, flags) {
      if (flags === 'w' || !files.has(path)) {
        if (typeof flags === 'string' && flags.startsWith('r')) throw missing(path);
        files.set(path, Buffer.alloc(0));
      }
      return new MemoryFile(path);
    },
    readFile: async (path) => read(path),
    size: async (path) => files.get(path)?.length ?? null,
    list: async (folder) =>
      [...files.keys()].filter((path) => dirname(path) === folder).map((path) => path.slice(folder.length + 1)),
    async rename(from, to) {
      files.set(to, read(from));
      files.delete(from);
    },
    async remove(path) {
      files.delete(path);
    },
    async makeFolder() {},
    async syncFolder() {},
  };
}
