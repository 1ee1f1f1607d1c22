import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** As the build lays p1 out: FAT16 of 32 MiB. */
const BYTES = 32 * 1_048_576;

/** A disk in a file whose only partition is the FAT that boot loaders read; written and judged by mtools. */
export class FatDisk {
  /** Offset of the partition in bytes. */
  readonly start = 4 * 1_048_576;
  readonly folder = mkdtempSync(join(tmpdir(), 'nodeos-pointer-'));
  readonly device = join(this.folder, 'disk');
  readonly #image = `${this.device}@@${this.start}`;

  constructor() {
    writeFileSync(this.device, '');
    truncateSync(this.device, this.start + BYTES);
    const place = ['--offset', String(this.start / 512), this.device, String(BYTES / 1024)];
    execFileSync('mkfs.vfat', ['--invariant', '-F', '16', ...place], { stdio: 'pipe' });
  }

  makeFolder(path: string): void {
    execFileSync('mmd', ['-i', this.#image, `::${path}`], { stdio: 'pipe' });
  }
  put(path: string, content: Buffer | string): void {
    const file = join(this.folder, 'put');
    writeFileSync(file, content);
    execFileSync('mcopy', ['-o', '-i', this.#image, file, `::${path}`], { stdio: 'pipe' });
  }
  take(path: string): Buffer {
    return execFileSync('mcopy', ['-n', '-i', this.#image, `::${path}`, '-'], { stdio: 'pipe' });
  }
  delete(path: string): void {
    execFileSync('mdel', ['-i', this.#image, `::${path}`], { stdio: 'pipe' });
  }
  read(): Buffer {
    return readFileSync(this.device);
  }
  /** How many sectors differ from what was read before. */
  changedSectors(before: Buffer): number {
    const after = this.read();
    let changed = 0;
    for (let at = 0; at < after.length; at += 512)
      if (!after.subarray(at, at + 512).equals(before.subarray(at, at + 512))) changed++;
    return changed;
  }
  dispose(): void {
    rmSync(this.folder, { recursive: true });
  }
}
